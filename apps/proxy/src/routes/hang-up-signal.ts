import type { FastifyReply } from 'fastify'
import { whenOver } from '../when-over.js'

/** Aborted when the connection closes before the answer is written. */
export function hangUpSignal({ raw, request }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  whenOver(request.raw, raw, () => {
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}
