/** A chat request as it was sealed: `model` and `messages` checked, everything else as given. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly Record<string, unknown>[]
  readonly [member: string]: unknown
}

/** What answers opened requests. */
export interface Engine {
  /** Named in logs. */
  readonly name: string
  /**
   * Gives a whole OpenAI chat completion.
   *
   * @throws HttpError with a text that holds nothing of request or answer
   */
  complete(request: ChatRequest, signal: AbortSignal): Promise<Record<string, unknown>>
  close(): Promise<void>
}
