import type { ErrorObject } from '../../confidential-refusal.js'

/** Codes and types of an overflow: OpenAI, LiteLLM, llama.cpp, Z.ai. */
const NAMES =
  /^(?:context_length_exceeded|contextwindowexceedederror|exceed_context_size_error|model_context_window_exceeded)$/i

/**
 * Messages of servers that have no code for an overflow. They are data of a foreign program, matched
 * where nothing else tells the reason; one form a line.
 */
const MESSAGES: readonly RegExp[] = [
  // OpenAI, vLLM, SGLang, Mistral, Fireworks, OpenRouter, DeepSeek
  /maximum context length/i,
  // vLLM: "The decoder prompt (length 9254) is longer than the maximum model length of 4096."
  /longer than the maximum model length/i,
  // vLLM, newer: "the model's context length is only 4096 tokens"; SGLang, Together: "longer than the model's context length"
  /model's context length/i,
  // SGLang: "Input length 131393 exceeds the maximum allowed input length of 131040 tokens."
  /exceeds the maximum allowed (?:input )?length/i,
  // llama.cpp before its type: "the request exceeds the available context size"; and while it generates
  /exceeds the available context size|context size has been exceeded/i,
  // Ollama with `truncate: false`
  /exceeds? the context length/i,
  // LM Studio
  /context length of only \d+ tokens|greater than the context length/i,
  // TGI, Together: "`inputs` tokens + `max_new_tokens` must be <= 4096", "`inputs` must have less than"
  /`inputs` tokens \+ `max_new_tokens` must be|`inputs` must have less than/i,
  // TensorRT-LLM; TabbyAPI
  /exceeds max_input_len|greater than max_seq_len/i,
  // Anthropic and routers to it: "prompt is too long: 210000 tokens > 200000 maximum"
  /prompt is too long/i,
  // LiteLLM, in front of any other
  /ContextWindowExceededError/,
]

/** Statuses that servers use for an overflow. */
const STATUSES = [400, 413, 422, 500]

/** Recognises that a conversation is longer than the context of the model, by code, type or message. */
export function isContextOverflow({ status, code, type, message }: ErrorObject): boolean {
  if (!STATUSES.includes(status)) return false
  if ([code, type].some((name) => name !== null && NAMES.test(name))) return true
  return MESSAGES.some((form) => form.test(message))
}
