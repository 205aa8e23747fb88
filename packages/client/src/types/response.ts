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

/** Why a model stopped. */
export type FinishReason =
  'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call' | (string & {})

/** One of the answers asked for. */
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

/** TPM 2.0 evidence as the server sent it inside the seal. **Nothing in it has been judged.** */
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

/** What is known about how an answer came about. */
export interface ResponseMetadata {
  /** The `X-Payload-ID` of the request this answers. */
  payload_id: string
  /** Unix seconds as the server wrote beside the sealed part: not authenticated. */
  processed_at: number | null
  is_encrypted: true
  encryption_algorithm: string
  response_status?: string
  security_tier?: string
  memory_protection?: Record<string, unknown>
  cuda_device?: Record<string, unknown>
  tpm_attestation?: TpmAttestation
  /** What this client found of that evidence; only where it was given a policy. */
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
