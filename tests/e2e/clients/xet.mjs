// Downloads files of org/big by Xet and prints their sha256, one a line.
import { createHash } from "node:crypto";
import { downloadFile } from "@huggingface/hub";

const [hubUrl, ...paths] = process.argv.slice(2);
for (const path of paths) {
  const blob = await downloadFile({ repo: "org/big", path: encodeURIComponent(path), hubUrl });
  const hash = createHash("sha256");
  for await (const piece of blob.stream()) hash.update(piece);
  console.log(hash.digest("hex"));
}
