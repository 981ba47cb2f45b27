// Reads a model's configuration and tokenizer with @huggingface/transformers; prints both as JSON.
import { AutoConfig, AutoTokenizer, env } from "@huggingface/transformers";

env.remoteHost = `${process.env.HF_ENDPOINT}/`;
env.allowLocalModels = false;
env.useFSCache = false;
const revision = process.env.REVISION ?? "main";
const config = await AutoConfig.from_pretrained("org/model", { revision });
const tokenizer = await AutoTokenizer.from_pretrained("org/model", { revision });
const tokens = tokenizer.encode("hello world !");
console.log(JSON.stringify([config.model_type, config.hidden_size, tokens]));
