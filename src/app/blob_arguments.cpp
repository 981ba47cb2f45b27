#include "hubcache/app/blob_arguments.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "hubcache/app/commands.h"
#include "hubcache/app/rebuild.h"
#include "hubcache/base/error.h"
#include "hubcache/base/units.h"

#include "dates.h"

namespace hubcache::app {
namespace {

using Json = nlohmann::json;

/// Page by page, so that no command takes long. `begin`: before the first, when there is an answer.
void each_blob(
    const Workplace& at, const std::function<void(const Json&)>& take,
    const std::function<void()>& begin = [] {}) {
  Json command{{"do", "blob.list"}};
  auto page = order_command(at, command).at("blobs");
  begin();
  while (!page.empty()) {
    for (const auto& blob : page) take(blob);
    command["after"] = page.back().at("digest");
    page = order_command(at, command).at("blobs");
  }
}

int list(const Workplace& at, bool json) {
  if (json) {
    each_blob(at, [](const Json& blob) { std::cout << blob.dump() << "\n"; });
    return 0;
  }
  constexpr int kSizeWidth = 16;
  const auto heading = [] {
    std::cout << std::right << std::setw(kSizeWidth) << "SIZE" << "  " << std::left
              << std::setw(kDateWidth) << "USED" << std::setw(8) << "PINNED" << "DIGEST\n";
  };
  const auto line = [](const Json& blob) {
    std::cout << std::right << std::setw(kSizeWidth) << blob.at("size").get<std::uint64_t>() << "  "
              << std::left << std::setw(kDateWidth) << date_of(blob.at("used")) << std::setw(8)
              << (blob.at("pinned").get<bool>() ? "yes" : "")
              << blob.at("digest").get<std::string>() << "\n";
  };
  each_blob(at, line, heading);
  return 0;
}

Json check_at(const std::string& rate) {
  Json command{{"do", "blob.check"}};
  if (rate.empty()) return command;
  const auto bytes = parse_size(rate);
  if (!bytes) throw Error(Error::Kind::kBadRequest, '"' + rate + R"(" is no size: "50 MiB" is)");
  command["rate"] = *bytes;
  return command;
}

int verify(const Workplace& at, const std::string& rate, bool json) {
  auto command = check_at(rate);
  std::uint64_t checked = 0;
  std::uint64_t wrong = 0;
  std::uint64_t refetched = 0;
  each_blob(at, [&](const Json& blob) {
    command["digest"] = blob.at("digest");
    auto found = order_command(at, command);
    const auto is = found.at("is").get<std::string>();
    if (is == "unknown") return;  // it went meanwhile
    ++checked;
    if (is == "right") return;
    ++wrong;
    if (found.at("refetched").get<bool>()) ++refetched;
    const auto digest = blob.at("digest").get<std::string>();
    found["digest"] = digest;
    std::cout << (json ? found.dump() : is + "  " + digest) << "\n" << std::flush;
  });
  if (json) {
    std::cout << Json{{"checked", checked}, {"wrong", wrong}, {"refetched", refetched}} << "\n";
  } else {
    std::cout << checked << " checked, " << wrong << " not right";
    if (wrong > 0) std::cout << ", " << refetched << " fetched anew";
    std::cout << "\n";
  }
  return wrong == 0 ? 0 : 1;
}

int remove(const Workplace& at, const std::vector<std::string>& digests) {
  Orders orders(at);
  int absent = 0;
  for (const auto& digest : digests) {
    const auto result = orders.give({{"do", "blob.remove"}, {"digest", digest}});
    if (result.at("removed").get<bool>()) continue;
    std::cerr << "there is no blob " << digest << "\n";
    absent = 1;
  }
  return absent;
}

int collect_garbage(const Workplace& at, const std::string& protection, bool json) {
  const auto time = parse_duration(protection);
  if (!time) {
    throw Error(Error::Kind::kBadRequest, '"' + protection + R"(" is no time: "24 h" is)");
  }
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(*time).count();
  const auto result = order_command(
      at, {{"do", "gc"}, {"protection_minutes", static_cast<std::uint64_t>(minutes)}});
  if (json) {
    std::cout << Json{{"blobs", result.at("blobs")}, {"entries", result.at("content")}} << "\n";
    return 0;
  }
  std::cout << result.at("blobs").get<std::int64_t>() << " blobs and "
            << result.at("content").get<std::int64_t>() << " entries removed\n";
  return 0;
}

int rebuild(const Workplace& at) {
  const auto result = rebuild_database(at.config.storage.data_dir);
  std::cout << result.blobs << " blobs found\n";
  if (!result.kept_as.empty()) std::cout << "kept as " << result.kept_as.string() << "\n";
  if (result.lost.empty()) return 0;
  std::cout << "could not be read:";
  for (const auto& table : result.lost) std::cout << " " << table;
  std::cout << "\n";
  return 1;
}

}  // namespace

void add_blob_commands(CLI::App& app, BlobArguments& arguments, Place& place) {
  const auto add = [&](const std::string& verb, const std::string& help) {
    auto* const command = app.add_subcommand(verb, help);
    verb == "rebuild" ? add_data_dir(*command, place) : add_place(*command, place);
    command->callback([&arguments, verb] { arguments.verb = verb; });
    return command;
  };
  const auto of_digests = [&](const std::string& verb, const std::string& help) {
    auto* const command = add(verb, help);
    command->add_option("digest", arguments.digests, "As `hubcache ls` prints it")->required();
    command->footer("Example: hubcache " + verb +
                    " sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae");
  };
  const auto with_json = [&](CLI::App* command, const char* help) {
    command->add_flag("--json", arguments.json, help);
    return command;
  };
  with_json(add("ls", "List what is stored"), "One JSON object a line: times in seconds since 1970")
      ->footer("Example: hubcache ls | sort -n | tail");
  of_digests("rm", "Remove blobs; they are fetched anew when they are asked for");
  of_digests("pin", "Keep blobs from eviction, stored or not yet");
  of_digests("unpin", "Let them be evicted again");
  auto* const verify_command = add(
      "verify", "Hash all that is stored again; a running server fetches anew what is not right");
  with_json(verify_command, "One JSON object a line; the last one counts");
  verify_command->add_option("--rate", arguments.rate, "Bytes a second at most, like \"50 MiB\"");
  verify_command->footer("Example: hubcache verify --rate \"50 MiB\"");
  auto* const gc = add("gc", "Remove what nobody can come to any more");
  with_json(gc, "One JSON object");
  gc->add_option("--protection", arguments.protection, "What was used since then stays: \"24 h\"");
  add("rebuild", "Make a damaged database anew from the stored files, without a server")
      ->footer("Example: hubcache rebuild --data-dir /srv/hubcache");
  gc->footer("Example: hubcache gc --protection \"7 d\"");
}

int run_blob_arguments(const Workplace& at, const BlobArguments& arguments) {
  const auto& verb = *arguments.verb;
  if (verb == "ls") return list(at, arguments.json);
  if (verb == "verify") return verify(at, arguments.rate, arguments.json);
  if (verb == "rebuild") return rebuild(at);
  if (verb == "rm") return remove(at, arguments.digests);
  if (verb == "gc") return collect_garbage(at, arguments.protection, arguments.json);
  Orders orders(at);
  for (const auto& digest : arguments.digests) {
    orders.give({{"do", "blob." + verb}, {"digest", digest}});
  }
  return 0;
}

}  // namespace hubcache::app
