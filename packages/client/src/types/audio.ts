/** A request for speech. */
export interface SpeechRequest {
  model: string
  input: string
  voice: string | { id: string }
  instructions?: string
  response_format?: 'mp3' | 'opus' | 'aac' | 'flac' | 'wav' | 'pcm'
  speed?: number
  stream_format?: 'sse' | 'audio'
}

/**
 * A sound file: a `File`, or a `Blob`, whose name is `audio` then. On wire 2 one above 1 MiB is read while it is sent,
 * as is that of a `Response` or a stream, such as `createReadStream` of Node returns: they can be sent once, and are
 * not sent again after a failure.
 */
export type SoundFile = Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

/** A request for the text of a sound, in its own language or in English. */
export interface TranscriptionRequest {
  file: SoundFile
  model: string
  language?: string
  prompt?: string
  response_format?: 'json' | 'text' | 'srt' | 'verbose_json' | 'vtt' | 'diarized_json'
  stream?: false | null
  temperature?: number
  timestamp_granularities?: ('word' | 'segment')[]
}

/** A transcription, as OpenAI defines it. Its shape is not checked. */
export interface Transcription {
  text: string
  [member: string]: unknown
}
