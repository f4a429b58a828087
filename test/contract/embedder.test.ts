import { hashedEmbedder } from "#adapters/embedder-local/hashed.ts";
import { embedderContract } from "./embedder-contract.ts";

embedderContract("local, hashed", async () => hashedEmbedder());
