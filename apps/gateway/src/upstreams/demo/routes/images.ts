import { LABEL, NOTE } from '../label.js'

type Members = Readonly<Record<string, unknown>>

/** A picture of one grey point, as PNG. */
const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=='
const MAX_IMAGES = 10

/** Makes up images: each is one grey point. */
export function drawImages({ n }: Members, now: number): Members {
  const count = Number.isInteger(n) && Number(n) > 0 ? Math.min(Number(n), MAX_IMAGES) : 1
  return {
    created: now,
    data: Array.from({ length: count }, () => ({
      b64_json: PICTURE,
      revised_prompt: `${NOTE} a grey point`,
    })),
    system_fingerprint: LABEL,
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
  }
}
