import type { AttestationResult } from '@nomyo/attest'
import type { ToolCall } from './tools.js'

/** The model's message; its type fits in a conversation as {@link ChatMessage}. */
export interface AssistantMessage {
  role: 'assistant'
  content: string | null
  refusal: string | null
  annotations?: {
    type: 'url_citation'
    url_citation: { start_index: number; end_index: number; title: string; url: string }
  }[]
  audio?: { id: string; data: string; expires_at: number; transcript: string } | null
  /** The form before `tool_calls`. */
  function_call?: { name: string; arguments: string } | null
  /** Function calls. Where the request has a custom tool, also its calls, with `custom` in place of `function`. */
  tool_calls?: ToolCall[]
  [member: string]: unknown
}

/** The reason for the end of an answer, as OpenAI defines them; model servers may know more. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call'

/** The likelihood of a token, in a logarithm. */
export interface TokenLogprob {
  token: string
  bytes: number[] | null
  logprob: number
  top_logprobs: { token: string; bytes: number[] | null; logprob: number }[]
}

/** One of the requested answers. */
export interface Choice {
  index: number
  message: AssistantMessage
  finish_reason: FinishReason
  logprobs: { content: TokenLogprob[] | null; refusal: TokenLogprob[] | null } | null
  [member: string]: unknown
}

/** Tokens used. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  completion_tokens_details?: {
    accepted_prediction_tokens?: number
    audio_tokens?: number
    reasoning_tokens?: number
    rejected_prediction_tokens?: number
    text_tokens?: number
  }
  prompt_tokens_details?: {
    audio_tokens?: number
    cache_write_tokens?: number
    cached_tokens?: number
    image_tokens?: number
    text_tokens?: number
  }
  [member: string]: unknown
}

/** TPM 2.0 evidence as the server encrypted it. **Nothing in it has been verified.** */
export type TpmAttestation =
  | { is_available: false; [member: string]: unknown }
  | {
      is_available: true
      /** Banks and registers quoted, such as `sha256:0,7,10`. */
      pcr_banks: string
      /** Bank to register to hex digest. */
      pcr_values: Record<string, Record<string, string>>
      /** TPMS_ATTEST, base64. */
      quote_b64: string
      /** TPMT_SIGNATURE, base64. */
      signature_b64: string
      /** TPM2B_PUBLIC of the key that signed, base64. */
      aik_pubkey_b64: string
      [member: string]: unknown
    }

/** Facts about an answer. */
export interface ResponseMetadata {
  /** The id of the request this answers: `X-Payload-ID` on wire 1, `idempotency-key` on wire 2. */
  payload_id: string
  /** Unix seconds. On wire 1 from outside the encrypted part: not authenticated. */
  processed_at: number | null
  is_encrypted: true
  encryption_algorithm: string
  /**
   * The wire. On wire 2 `version` is 2, and `statement_sha256` names the key statement that the request
   * was encrypted by; on wire 1 both say what the gateway offers.
   */
  wire?: { version?: number; statement_sha256?: string; [member: string]: unknown }
  response_status?: string
  security_tier?: string
  memory_protection?: Record<string, unknown>
  cuda_device?: Record<string, unknown>
  tpm_attestation?: TpmAttestation
  /** This client's appraisal of that evidence; only with a policy. */
  attestation?: AttestationResult
  [member: string]: unknown
}

/**
 * A chat completion as OpenAI defines it, and `_metadata`. The shape of a model server's answer is not
 * checked, as in every OpenAI client: members may be missing, and others may be there.
 */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: [Choice, ...Choice[]]
  usage?: Usage
  system_fingerprint?: string
  service_tier?: 'auto' | 'default' | 'flex' | 'scale' | 'priority' | null
  _metadata: ResponseMetadata
  [member: string]: unknown
}
