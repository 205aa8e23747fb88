import { createNomyoFetch } from '@nomyo/client/openai-fetch'
import OpenAI, { type ClientOptions } from 'openai'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { startServers } from '../harness/servers.js'
import { mapValues, median, timeMs } from '../harness/statistics.js'
import { chatRequest, checkEcho, type Size } from '../messages.js'
import { loadSealedCaller, plainCaller, type Caller } from './callers.js'

const ROUNDS = { '1 KB': 200, '1 MB': 15 } as const
/** Rounds until V8 has compiled the hot code of both sides. */
const WARM_UP_ROUNDS = 400

/**
 * Times calls of OpenAI's SDK: over plain HTTP beside `fetch`, and over wire 2 beside the client of this
 * project.
 */
export async function measureSdk(context: RunContext) {
  const { progress, quick, stopLater } = context
  const { ours, plain } = await startServers(context)
  const logger = { warn: () => undefined }
  const sealed = { baseUrl: ours, wire: 2, allowHttp: true, logger } as const
  const nomyoFetch = createNomyoFetch(sealed)
  stopLater({ stop: () => nomyoFetch.dispose() })
  const client = (await loadSealedCaller())(sealed)
  stopLater({ stop: () => client.close() })
  const callers = {
    plain: plainCaller({ baseUrl: plain }),
    plainSdk: sdkCaller({ baseURL: `${plain}/v1` }),
    wire2: client,
    wire2Sdk: sdkCaller({ fetch: nomyoFetch }),
  }
  const time = async (size: Size, rounds: number) => {
    const request = chatRequest(size, 'ascii')
    const tasks = mapValues(callers, ({ ask }) => async () => {
      let answer: unknown
      const durationMs = await timeMs(async () => (answer = await ask(request)))
      checkEcho(answer, request)
      return durationMs
    })
    return mapValues(await interleave(tasks, rounds), median)
  }
  progress('OpenAI SDK')
  await time('1 KB', quick ? 3 : WARM_UP_ROUNDS)
  const rows = []
  for (const size of ['1 KB', '1 MB'] as const) {
    const rounds = quick ? 3 : ROUNDS[size]
    rows.push({ size, rounds, times: await time(size, rounds) })
  }
  return { rows }
}

function sdkCaller(options: ClientOptions): Omit<Caller, 'close'> {
  const openai = new OpenAI({ ...options, apiKey: 'unused' })
  return {
    ask: async (request) => {
      const { choices } = await openai.chat.completions.create({ ...request })
      return choices[0]?.message.content
    },
  }
}
