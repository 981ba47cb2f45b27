#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include <unistd.h>

#include "hubcache/app/command_line.h"

int main(int argc, char** argv) {
  try {
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      environment.emplace_back(*variable);
    }
    return hubcache::app::run_command_line(argc, argv, environment);
  } catch (const std::exception& failure) {
    std::cerr << "hubcache: " << failure.what() << "\n";
    return 1;
  }
}
