// support/gate.h as a program: `gate PORT` relays to that port of 127.0.0.1, says on which port it
// listens, and takes commands, one a line:
//
//     up NAME=VALUE...      the weather of what clients send: delay (ms), piece, rate, cut, reset,
//     down NAME=VALUE...    flip; of what the server sends. What is not named is fair.
//     cut | reset           end all connections
//
// Each is answered by a line `ok`. Ends with its input.
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "support/gate.h"

namespace {

using hubcache::test::Gate;

Gate::Weather weather_of(std::istringstream& words) {
  Gate::Weather weather;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const std::uint64_t value = std::stoull(word.substr(equals + 1));
    if (name == "delay") weather.delay = std::chrono::milliseconds(value);
    if (name == "piece") weather.piece = value;
    if (name == "rate") weather.bytes_per_second = value;
    if (name == "cut") weather.cut_after = value;
    if (name == "reset") weather.reset = value != 0;
    if (name == "flip") weather.flip_every = value;
  }
  return weather;
}

void obey(Gate& gate, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  words >> verb;
  if (verb == "up") gate.set_up(weather_of(words));
  if (verb == "down") gate.set_down(weather_of(words));
  if (verb == "cut" || verb == "reset") gate.cut(verb == "reset");
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: gate PORT\n";
    return EXIT_FAILURE;
  }
  Gate gate(static_cast<std::uint16_t>(std::atoi(arguments[1])));
  std::cout << "gate listening on " << gate.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    obey(gate, line);
    std::cout << "ok" << std::endl;
  }
}
