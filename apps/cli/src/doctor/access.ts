import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { openClient } from '../gateway/client.js'
import { fetchModelNames } from '../gateway/fetch.js'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { readOnlyServers } from './wire.js'

const CHAT_TIMEOUT_MS = 120_000

/** Checks that the gateway accepts the API key, and lists the models for it. */
export async function checkAccess(
  settings: GatewaySettings,
  chatModel: string | undefined,
): Promise<Finding> {
  if (settings.relay !== undefined) {
    return ok('not checked: the list of models would go to the gateway directly, past the relay')
  }
  const names = await fetchModelNames(settings)
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

/** Sends one encrypted request, and decrypts its answer. */
export async function checkChat(
  settings: GatewaySettings,
  model: string,
  fetch?: typeof globalThis.fetch,
): Promise<Finding> {
  const client = await openClient(settings, {
    timeoutMs: CHAT_TIMEOUT_MS,
    knownServers: readOnlyServers(settings.knownServers),
    ...(fetch === undefined ? {} : { fetch }),
  })
  try {
    const { _metadata: metadata } = await client.create({
      model,
      messages: [{ role: 'user', content: 'Say OK.' }],
      max_tokens: 8,
      ...(settings.tier && { security_tier: settings.tier }),
    })
    return ok(`${model} answered, encrypted both ways (${metadata.payload_id})`)
  } finally {
    client.dispose()
  }
}
