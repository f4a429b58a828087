import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { openMiniLm } from "#adapters/embedder-minilm/minilm.ts";
import { embedderContract } from "./embedder-contract.ts";

embedderContract("local, hashed", async () => hashedEmbedder());
embedderContract("local, MiniLM", () => openMiniLm({ threads: 1 }));
