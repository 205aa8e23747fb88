import type { RouteName } from '../../request-keys/statement.js'

/**
 * Names of operations, by endpoint: those of the semantic conventions of OpenTelemetry for generative AI where
 * there is one. Default: chat.
 */
const OPERATIONS: Readonly<Partial<Record<RouteName, string>>> = {
  'POST /v1/completions': 'text_completion',
  'POST /v1/embeddings': 'embeddings',
  'POST /v1/rerank': 'rerank',
  'POST /v1/images/generations': 'generate_content',
  'POST /v1/audio/speech': 'speech',
  'POST /v1/audio/transcriptions': 'transcription',
  'POST /v1/audio/translations': 'translation',
}

/** Returns the name of the operation that a model server does for an endpoint. */
export const operationOf = (endpoint: RouteName | undefined): string =>
  (endpoint && OPERATIONS[endpoint]) ?? 'chat'
