import { abortable, startDeadline } from '@nomyo/transport'
import { newProgress, type Call, type CallProgress } from '../completion/call.js'
import { timeChoice } from '../completion/step-timer.js'
import { readRequestOptions, type RequestOptions } from '../config/options.js'
import { loadCode } from '../load-code.js'
import type { Session } from '../session.js'
import type { UsedExchange } from '../wire-2/attempt-sealed.js'
import type { OpenAnswer } from '../wire-2/read-answer.js'
import type { RouteRequest, SealUpload } from '../wire-2/route-request.js'
import type { WireSelection } from '../wire-2/selection.js'
import { ContentQueue } from './content-queue.js'
import type { UploadSource } from './upload-source.js'

/** An answer whose content is arriving. */
export interface RouteAnswer extends Pick<OpenAnswer, 'status' | 'header'> {
  readonly id: string
  readonly content: ContentQueue
}

/** Checks an answer before its content is handed out. */
export type CheckAnswer = (
  answer: RouteAnswer,
  used: UsedExchange,
  selection: WireSelection,
  signal: AbortSignal,
) => Promise<void>

/** Most encrypted bytes of an answer. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024
const MAX_WHOLE_BYTES = 16 * 1024 * 1024

/**
 * Sends one request on wire 2, with its retries, and returns when the head of a success is authentic, and
 * what `check` needs. The time limit counts until then, and that of silence from then on.
 *
 * @param upload - in place of the content of the request
 * @returns undefined where the gateway offers no wire 2
 */
export async function exchangeRoute(
  session: Session,
  request: RouteRequest,
  options: RequestOptions,
  check: CheckAnswer | undefined,
  upload?: UploadSource,
): Promise<RouteAnswer | undefined> {
  const { context } = session
  const { config, wires } = context
  const { timeout: timeoutMs, headers, ...limits } = readRequestOptions(options, config)
  const progress = newProgress()

  const attempt = async (stop: AbortSignal): Promise<RouteAnswer | undefined> => {
    const deadline = startDeadline(timeoutMs, [stop])
    const { signal } = deadline
    let hasFailed = false
    try {
      const choice = await timeChoice(abortable(wires.choose(signal), signal), config)
      if (choice.wire === 1) {
        deadline.clear()
        return undefined
      }
      const { attemptSealed, selection } = await wires.loadWire2()
      const settings = { stop, timeoutMs, headers, nextPayloadId: () => progress.id, progress }
      const restart = (): void => {
        if (!hasFailed) deadline.restart(timeoutMs)
      }
      const sealUpload = upload && (await sealerOf(upload, progress, restart))
      const call: Call<RouteRequest> = {
        ...{ context, settings, signal },
        request: { ...request, sealUpload },
      }
      let content: ContentQueue | undefined
      return await attemptSealed(choice, call, selection, {
        maxBytes: MAX_STREAM_BYTES,
        onChunk: () => content?.touch(),
        isSuccess: (status) => status >= 200 && status <= 299,
        receive: (answer) => {
          const { status, header } = answer
          const { id } = progress
          const isWhole = header('content-type')?.startsWith('application/json') === true
          const maxBytes = isWhole ? MAX_WHOLE_BYTES : MAX_STREAM_BYTES
          const idleMs = config.streamIdleTimeout
          content = new ContentQueue(answer, {
            deadline,
            stop,
            signal: limits.signal,
            id,
            idleMs,
            maxBytes,
          })
          return Promise.resolve({ status, header, id, content })
        },
        accept: async (answer, used) => {
          // An engine has worked for it.
          progress.isFinal = true
          try {
            await check?.(answer, used, selection, signal)
          } catch (error) {
            answer.content.cancel()
            throw error
          }
          return answer
        },
      })
    } catch (error) {
      hasFailed = true
      deadline.clear()
      throw error
    }
  }
  return session.repeat(
    { ...limits, mayRetry: () => !progress.isFinal },
    attempt,
    (answer) => answer?.content.closed,
  )
}

/** Returns the function that encrypts an upload, and counts the time from its last part. */
async function sealerOf(
  upload: UploadSource,
  progress: CallProgress,
  onPart: () => void,
): Promise<SealUpload> {
  const { sealUpload } = await loadCode(() => import('../wire-2/seal-upload.js'), 'uploads')
  async function* parts(): AsyncGenerator<Uint8Array, void, undefined> {
    const source = upload.open()
    progress.isFinal ||= !upload.canRepeat()
    for await (const part of source) {
      onPart()
      yield part
    }
    onPart()
  }
  return (choice, head, signal) => sealUpload(choice, head, { ...upload, open: parts }, signal)
}
