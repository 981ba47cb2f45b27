// The standard world; README.md describes it.
#include "hubsim/hub.h"

namespace hubsim {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr auto kConfig = R"({
  "architectures": ["BertModel"],
  "hidden_size": 32,
  "model_type": "bert",
  "num_attention_heads": 2,
  "num_hidden_layers": 2,
  "vocab_size": 4
}
)";
constexpr auto kTokenizer =
    R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,)"
    R"("pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,)"
    R"("model":{"type":"WordLevel","vocab":{"[UNK]":0,"hello":1,"world":2,"!":3},)"
    R"("unk_token":"[UNK]"}})"
    "\n";
constexpr auto kAttributes = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n";

Change text(const char* path, const char* content) {
  return {path, Content(content), Storage::kGit, {}};
}

Change large(const char* path, std::uint64_t size, std::uint64_t seed) {
  return {path, Content::generated(size, seed), Storage::kLfs, {}};
}

void seed_model(Hub& hub) {
  hub.add_repo({.type = RepoType::kModel, .id = "org/model"});
  hub.commit("org/model", "main",
             {text(".gitattributes", kAttributes),
              text("README.md", "# A model\n\nFirst version.\n"), text("config.json", kConfig)},
             "Add config");
  hub.set_ref("org/model", "refs/tags/v1.0", "main");
  hub.commit(
      "org/model", "main",
      {text("README.md",
            "---\nlicense: apache-2.0\n---\n# A model\n\nSecond version: né à Zürich.\n"),
       text("tokenizer.json", kTokenizer),
       text("tokenizer_config.json",
            "{\"model_max_length\": 512, \"tokenizer_class\": \"PreTrainedTokenizerFast\"}\n"),
       text("empty.txt", ""), text("nested/a folder/caf\xC3\xA9 au lait.txt", "caf\xC3\xA9\n"),
       large("model.safetensors", 20 * kMiB + 216, 1)},
      "Add weights and tokenizer\n\nThe weights are large.");
  hub.set_ref("org/model", "refs/convert/parquet", "main");
  hub.commit("org/model", "refs/pr/1",
             {text("config.json", "{\"model_type\": \"bert\", \"pr\": 1}\n")}, "Change config");
  hub.commit("org/model", "dev", {text("dev.txt", "only here\n")}, "Work");
}

void seed_restricted(Hub& hub) {
  hub.add_repo({.id = "org/gated", .visibility = {.gate = Gate::kManual}});
  hub.commit("org/gated", "main",
             {text("README.md", "# Gated\n"), text("LICENSE", "All rights reserved.\n"),
              text("config.json", kConfig), large("model.safetensors", 3 * kMiB + 5, 2)});
  hub.add_repo({.id = "org/private", .visibility = {.is_private = true}});
  hub.commit(
      "org/private", "main",
      {text("README.md", "# Private\n"), text("config.json", "{\"model_type\": \"private\"}\n"),
       large("model.safetensors", 3 * kMiB + 7, 3)});
  hub.add_repo({.id = "org/disabled", .visibility = {.disabled = true}});
  hub.commit("org/disabled", "main", {text("config.json", kConfig)});
  hub.add_token("hf_good", {.user = "good", .granted = {"org/gated", "org/private"}});
  hub.add_token("hf_other", {.user = "other"});
  hub.add_token("hf_pending", {.user = "pending", .pending = {"org/gated"}});
}

}  // namespace

void Hub::seed() {
  seed_model(*this);
  seed_restricted(*this);
  add_repo({.type = RepoType::kDataset, .id = "org/dataset"});
  commit(
      "datasets/org/dataset", "main",
      {text("README.md", "# A dataset\n"), text("data/train.csv", "text,label\nhello,0\nworld,1\n"),
       text("data/test.csv", "text,label\nhello world,1\n"),
       large("data/train.bin", 2 * kMiB + 1, 4)});
  add_repo({.type = RepoType::kSpace, .id = "org/space"});
  commit("spaces/org/space", "main",
         {text("README.md", "---\ntitle: A space\nsdk: static\n---\n"),
          text("app.py", "print('hello')\n"), text("index.html", "<p>hello</p>\n")});
  add_repo({.type = RepoType::kKernel, .id = "org/kernel"});
  commit("kernels/org/kernel", "main", {text("README.md", "# A kernel\n")});
  add_repo({.id = "gpt2"});
  commit("gpt2", "main",
         {text("README.md", "# gpt2\n"), text("config.json", "{\"model_type\": \"gpt2\"}\n"),
          large("model.safetensors", kMiB + 3, 5)});
  add_repo({.id = "org/old-name"});
  commit("org/old-name", "main", {text("config.json", "{\"model_type\": \"renamed\"}\n")});
  rename("org/old-name", "org/new-name");
}

}  // namespace hubsim
