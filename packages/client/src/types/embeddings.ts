/** A request for embeddings. */
export interface EmbeddingRequest {
  model: string
  input: string | string[] | number[] | number[][]
  dimensions?: number
  encoding_format?: 'float' | 'base64'
  user?: string
}

/** The vector of one input; with `encoding_format: 'base64'`, a text in place of the numbers. */
export interface Embedding {
  object: 'embedding'
  index: number
  embedding: number[]
}

/** Embeddings, as OpenAI defines them. Their shape is not checked. */
export interface EmbeddingResponse {
  object: 'list'
  model: string
  data: Embedding[]
  usage: { prompt_tokens: number; total_tokens: number }
  [member: string]: unknown
}
