import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { openClient } from '../gateway/client.js'
import { fetchModelNames } from '../gateway/fetch.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { readOnlyServers } from './wire.js'

const CHAT_TIMEOUT_MS = 120_000
/** Enough for a stream of some parts, whose times show a path that buffers. */
const MOST_TOKENS = 64

/** Checks that the gateway accepts the API key, and lists the models for it. */
export async function checkAccess(
  settings: GatewaySettings,
  chatModel: string | undefined,
): Promise<Finding> {
  const knownServers = readOnlyServers(settings.knownServers)
  const names = await fetchModelNames(settings, { knownServers })
  const key =
    settings.apiKey === undefined ? 'no API key, and none is required' : 'the API key is accepted'
  if (names.length === 0) {
    return warning(`${key}, but the gateway has no models`, 'ask the operator')
  }
  const model = chatModel ?? settings.model
  if (model !== undefined && !names.includes(model)) {
    return warning(
      `${key}; ${model} is not among the ${names.length} models`,
      'nomyo chat, then /model lists them',
    )
  }
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return ok(`${key}; models: ${names.slice(0, 3).join(', ')}${more}`)
}

/**
 * Sends one encrypted request, and decrypts its answer, which comes as a stream on wire 2.
 *
 * @throws the errors of a completion
 */
export async function checkChat(
  settings: GatewaySettings,
  model: string,
  { fetch, isStreamed }: { readonly fetch: typeof globalThis.fetch; readonly isStreamed: boolean },
): Promise<Finding> {
  const client = await openClient(settings, {
    timeoutMs: CHAT_TIMEOUT_MS,
    knownServers: readOnlyServers(settings.knownServers),
    fetch,
  })
  const request = {
    model,
    messages: [{ role: 'user' as const, content: 'Count from one to forty, in words.' }],
    max_tokens: MOST_TOKENS,
    ...(settings.tier && { security_tier: settings.tier }),
  }
  try {
    if (!isStreamed) {
      const { _metadata: metadata } = await client.create(request)
      return ok(`${model} answered, encrypted both ways (${metadata.payload_id})`)
    }
    const stream = await client.chat.completions.create({ ...request, stream: true })
    let count = 0
    for await (const { choices } of stream) count += choices.length
    return ok(`${model} answered with a stream of ${String(count)} events, encrypted both ways`)
  } finally {
    client.dispose()
  }
}
