// The simulated Hub as a program: hubsim --port P --cdn-port P --seed-repos --big NAME:SIZE ...
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "hubsim/control.h"
#include "hubsim/hub.h"

namespace {

struct Arguments {
  hubsim::Hub::Options options{.control = true};
  bool seed = false;
  std::string scenario;
  std::vector<std::pair<std::string, std::uint64_t>> big;
};

constexpr auto kUsage =
    "usage: hubsim [--port P] [--cdn-port P] [--seed-repos] [--big NAME:SIZE]... "
    "[--scenario FILE.json]\n";

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value = [&]() -> const std::string& {
      if (i + 1 >= words.size()) throw std::invalid_argument(words[i] + " needs a value");
      return words[++i];
    };
    if (words[i] == "--port") {
      arguments.options.port = static_cast<std::uint16_t>(std::stoul(value()));
    } else if (words[i] == "--cdn-port") {
      arguments.options.cdn_port = static_cast<std::uint16_t>(std::stoul(value()));
    } else if (words[i] == "--seed-repos") {
      arguments.seed = true;
    } else if (words[i] == "--scenario") {
      arguments.scenario = value();
    } else if (words[i] == "--big") {
      const auto& big = value();
      const auto colon = big.rfind(':');
      if (colon == std::string::npos) throw std::invalid_argument("--big NAME:SIZE");
      arguments.big.emplace_back(big.substr(0, colon), std::stoull(big.substr(colon + 1)));
    } else {
      throw std::invalid_argument("unknown argument " + words[i]);
    }
  }
  return arguments;
}

void add_big_files(hubsim::Hub& hub, const Arguments& arguments) {
  if (arguments.big.empty()) return;
  if (!arguments.seed) hub.add_repo({.id = "org/model"});
  constexpr std::uint64_t kFirstSeed = 1000;
  std::vector<hubsim::Change> changes;
  for (const auto& [name, size] : arguments.big) {
    changes.push_back({name,
                       hubsim::Content::generated(size, kFirstSeed + changes.size()),
                       hubsim::Storage::kLfs,
                       {}});
  }
  hub.commit("org/model", "main", std::move(changes), "Add big files");
}

// A scenario is a list of controls: [{"do": "repo", ...}, {"do": "fault", ...}].
void play(hubsim::Hub& hub, const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::invalid_argument("cannot read " + file);
  for (const auto& step : nlohmann::json::parse(in)) {
    hubsim::Request request;
    request.method = "POST";
    request.path = "/_sim/" + step.at("do").get<std::string>();
    request.body = step.dump();
    const auto response = hubsim::answer_control(hub, request);
    if (response.status != 200) throw std::invalid_argument(file + ": " + response.text);
  }
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  try {
    const auto arguments = parse(std::vector<std::string>(argv + 1, argv + argc));
    hubsim::Hub hub(arguments.options);
    if (arguments.seed) hub.seed();
    add_big_files(hub, arguments);
    if (!arguments.scenario.empty()) play(hub, arguments.scenario);
    std::cout << "hubsim listening on " << hub.url() << " cdn " << hub.cdn_url() << std::endl;
    int signal = 0;
    sigwait(&ends, &signal);
    return EXIT_SUCCESS;
  } catch (const std::exception& failure) {
    std::cerr << "hubsim: " << failure.what() << "\n" << kUsage;
    return EXIT_FAILURE;
  }
}
