/** A request for images. */
export interface ImageRequest {
  prompt: string
  model?: string | null
  background?: 'transparent' | 'opaque' | 'auto' | null
  moderation?: 'low' | 'auto' | null
  n?: number | null
  output_compression?: number | null
  output_format?: 'png' | 'jpeg' | 'webp' | null
  partial_images?: number | null
  quality?: 'standard' | 'hd' | 'low' | 'medium' | 'high' | 'auto' | null
  response_format?: 'url' | 'b64_json' | null
  size?: string | null
  stream?: false | null
  style?: 'vivid' | 'natural' | null
  user?: string
}

/** Images, as OpenAI defines them. Their shape is not checked. */
export interface ImagesResponse {
  created: number
  data?: { b64_json?: string; revised_prompt?: string; url?: string }[]
  background?: 'transparent' | 'opaque'
  output_format?: 'png' | 'webp' | 'jpeg'
  quality?: 'low' | 'medium' | 'high'
  size?: '1024x1024' | '1024x1536' | '1536x1024'
  usage?: {
    input_tokens: number
    input_tokens_details: { image_tokens: number; text_tokens: number }
    output_tokens: number
    total_tokens: number
  }
  [member: string]: unknown
}
