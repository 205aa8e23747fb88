import type { AttestationResult } from '@nomyo/attest'
import type { ToolCall } from './messages.js'

/** The model's message. */
export interface AssistantMessage {
  role: 'assistant'
  content: string | null
  refusal?: string | null
  tool_calls?: ToolCall[]
  [member: string]: unknown
}

/** The reason for the end of an answer. */
export type FinishReason =
  'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call' | (string & {})

/** One of the requested answers. */
export interface Choice {
  index: number
  message: AssistantMessage
  finish_reason: FinishReason
  logprobs?: Record<string, unknown> | null
  [member: string]: unknown
}

/** Tokens used. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
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
  /** The `X-Payload-ID` of the request this answers. */
  payload_id: string
  /** Unix seconds, from outside the encrypted part: not authenticated. */
  processed_at: number | null
  is_encrypted: true
  encryption_algorithm: string
  response_status?: string
  security_tier?: string
  memory_protection?: Record<string, unknown>
  cuda_device?: Record<string, unknown>
  tpm_attestation?: TpmAttestation
  /** This client's appraisal of that evidence; only with a policy. */
  attestation?: AttestationResult
  [member: string]: unknown
}

/** A chat completion as OpenAI defines it, and `_metadata`. */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: [Choice, ...Choice[]]
  usage?: Usage
  system_fingerprint?: string | null
  _metadata: ResponseMetadata
  [member: string]: unknown
}
