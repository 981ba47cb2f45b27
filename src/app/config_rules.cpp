// The table of the keys of a rule.
#include <algorithm>
#include <array>

#include "hubcache/app/config.h"
#include "hubcache/base/glob.h"
#include "hubcache/base/units.h"

namespace hubcache::app {
namespace {

using registry::Rule;
using Globs = std::vector<std::string>;

constexpr std::array kTypes{hub::RepoType::kModel, hub::RepoType::kDataset, hub::RepoType::kSpace,
                            hub::RepoType::kKernel, hub::RepoType::kBucket};

Globs items_of(std::string_view list) {
  Globs items;
  if (list.empty()) return items;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    items.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

/// It goes into a header of the answer.
std::optional<std::string> bad_line(std::string_view value) {
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~'; };
  if (std::ranges::all_of(value, is_plain)) return std::nullopt;
  return "\"" + std::string(value) + "\" has other than letters, digits and signs of ASCII";
}

std::optional<std::string> bad_globs(std::string_view value) {
  for (const auto& glob : items_of(value)) {
    if (const auto wrong = complaint_of_glob(glob)) return "the pattern \"" + glob + "\" " + *wrong;
  }
  return std::nullopt;
}

std::optional<hub::RepoType> type_called(std::string_view name) {
  const auto* const found = std::ranges::find(kTypes, name, hub::name_of);
  return found == kTypes.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> bad_types(std::string_view value) {
  for (const auto& name : items_of(value)) {
    if (type_called(name)) continue;
    std::string allowed;
    for (const auto type : kTypes) (allowed += allowed.empty() ? "" : ", ") += hub::name_of(type);
    return "\"" + name + "\" is no type: allowed are " += allowed;
  }
  return std::nullopt;
}

Key text(std::string_view name, std::string Rule::* field, std::string_view example,
         std::string_view help) {
  return {.name = name,
          .type = Key::Type::kText,
          .fallback = example,
          .help = help,
          .set = [field](Config& c, std::string_view value) { c.rules.back().*field = value; },
          .check = bad_line,
          .reloadable = true};
}

Key list(std::string_view name, Globs Rule::* field, std::string_view example,
         std::string_view help, Key::Check check) {
  return {.name = name,
          .type = Key::Type::kList,
          .fallback = example,
          .help = help,
          .set = [field](Config& c,
                         std::string_view value) { c.rules.back().*field = items_of(value); },
          .check = std::move(check),
          .reloadable = true};
}

void set_types(Config& config, std::string_view value) {
  for (const auto& name : items_of(value)) config.rules.back().types.push_back(*type_called(name));
}

void set_max_file_size(Config& config, std::string_view value) {
  config.rules.back().max_file_size = *parse_size(value);
}

const std::vector<Key>& rule_table() {
  static const std::vector<Key> kTable{
      text("name", &Rule::name, "no pickles", "What refusals call the rule."),
      text("contact", &Rule::contact, "ml-team@example.org", "Whom refusals tell to ask."),
      list("distributions", &Rule::distributions, "hf",
           "Names of the distributions it holds for; without it all, those to come too.", {}),
      {.name = "types",
       .type = Key::Type::kList,
       .fallback = "model,dataset",
       .help = "Types of the repositories it is about: model, dataset, space, kernel, bucket; "
               "without it all.",
       .set = set_types,
       .check = bad_types,
       .reloadable = true},
      list("repos", &Rule::repos, "*", "Patterns of the repositories it is about; without it all.",
           bad_globs),
      list("allow_repos", &Rule::allow_repos, "google/*,our-org/*",
           "A repository that fits none of these patterns may not be read.", bad_globs),
      list("deny_repos", &Rule::deny_repos, "*/*-uncensored*",
           "A repository that fits one of these may not be read.", bad_globs),
      list("allow_files", &Rule::allow_files, "*.safetensors,*.json,*.md,*.txt",
           "A file whose path in its repository fits none of these may not be read.", bad_globs),
      list("deny_files", &Rule::deny_files, "*.bin,*.pkl,*.pt",
           "A file whose path fits one of these may not be read.", bad_globs),
      {.name = "max_file_size",
       .type = Key::Type::kSize,
       .fallback = "20 GiB",
       .help = "A larger file may not be read.",
       .set = set_max_file_size,
       .reloadable = true},
  };
  return kTable;
}

}  // namespace

std::span<const Key> rule_keys() { return rule_table(); }

}  // namespace hubcache::app
