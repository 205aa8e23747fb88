import type { IncomingMessage, ServerResponse } from 'node:http'
import { isOver, whenOver } from './on-response-closed.js'

/** Somebody who waits for an answer, and may hang up. */
export interface WaitingCaller {
  hasGone(): boolean
  /** Calls once, when the caller hangs up before the answer is written; at once where it has. */
  whenGone(tell: () => void): void
}

/** Who waits for this response. */
export function waitingCaller(request: IncomingMessage, response: ServerResponse): WaitingCaller {
  return {
    hasGone: () => isOver(request, response) && !response.writableFinished,
    whenGone: (tell) => {
      whenOver(request, response, () => {
        if (!response.writableFinished) tell()
      })
    },
  }
}
