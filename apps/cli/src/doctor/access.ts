import type { PublicKey } from '@nomyo/crypto'
import { listModels } from '../gateway/ask.js'
import { openClient } from '../gateway/client.js'
import type { Settings } from '../settings/settings.js'
import type { Finding } from './finding.js'
import { timed } from './timed.js'

/** Whether the API key is accepted, and what can be asked for with it. */
export async function examineAccess(
  settings: Settings,
  wanted: string | undefined,
): Promise<Finding> {
  const check = 'access'
  const models = await timed(check, () => listModels(settings))
  if ('failed' in models) return models.failed
  const { value, ms } = models
  const key =
    settings.apiKey === undefined ? 'no API key, and none is needed' : 'the API key is accepted'
  if (value.length === 0) {
    return {
      check,
      status: 'warning',
      message: `${key}, but there are no models`,
      remedy: 'ask the operator',
      ms,
    }
  }
  const model = wanted ?? settings.model
  if (model !== undefined && !value.includes(model)) {
    return {
      check,
      status: 'warning',
      message: `${key}; ${model} is not among the ${String(value.length)} models it names`,
      remedy: 'nomyo chat, then /model lists them',
      ms,
    }
  }
  return { check, status: 'ok', message: `${key}; models: ${brief(value)}`, ms }
}

const brief = (names: readonly string[]): string =>
  names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${String(names.length - 3)} more`

/** One sealed request and its answer. */
export async function examineChat(
  settings: Settings,
  key: PublicKey,
  model: string,
): Promise<Finding> {
  const check = 'chat'
  const answer = await timed(check, async () => {
    const client = await openClient(settings, {
      timeoutMs: 120_000,
      // The key that was judged above, and nothing is remembered.
      knownServers: {
        fingerprintsOf: () => Promise.resolve([key.fingerprint]),
        add: () => Promise.resolve(),
      },
    })
    try {
      return await client.create({
        model,
        messages: [{ role: 'user', content: 'Say OK.' }],
        max_tokens: 8,
        ...(settings.tier === undefined ? {} : { security_tier: settings.tier }),
      })
    } finally {
      client.dispose()
    }
  })
  if ('failed' in answer) return answer.failed
  const { payload_id: payloadId } = answer.value._metadata
  return {
    check,
    status: 'ok',
    message: `${model} answered, sealed both ways (${payloadId})`,
    ms: answer.ms,
  }
}
