import { isLoopback } from '@nomyo-internal/http-server'
import {
  SecureChatCompletion,
  type AttestationEvent,
  type KnownServersStore,
  type SecureChatCompletionOptions,
  type ServerKeyEvent,
} from '@nomyo/client'
import type { GatewaySettings } from '../settings/gateway-settings.js'
import { loadPolicy } from '../settings/policy.js'

/** Listeners and deviations of one command. */
export interface ClientHooks {
  readonly onServerKey?: (event: ServerKeyEvent) => void
  readonly onAttestation?: (event: AttestationEvent) => void
  readonly onReceipt?: SecureChatCompletionOptions['onReceipt']
  readonly onWarning?: (text: string) => void
  readonly timeoutMs?: number | undefined
  /** Store instead of the file of the settings. */
  readonly knownServers?: KnownServersStore
  /** Replaces the HTTP client. */
  readonly fetch?: typeof fetch
}

/** Parameters of the requests of one command. */
export interface ChatParameters {
  readonly system: string | undefined
  readonly timeoutMs: number | undefined
  readonly sampling: { readonly temperature?: number; readonly max_tokens?: number }
}

/** Creates a client from the settings. @throws UsageError */
export async function openClient(
  settings: GatewaySettings,
  hooks: ClientHooks,
): Promise<SecureChatCompletion> {
  const policy = await loadPolicy(settings)
  const { onAttestation } = hooks
  return new SecureChatCompletion({
    ...trustOptions(settings, hooks),
    baseUrl: settings.gateway,
    relayUrl: settings.relay,
    apiKey: settings.apiKey,
    timeout: hooks.timeoutMs,
    onReceipt: hooks.onReceipt,
    fetch: hooks.fetch,
    attestation:
      policy === undefined
        ? undefined
        : { policy, ...(onAttestation === undefined ? {} : { onResult: onAttestation }) },
  })
}

function trustOptions(
  { allowHttp, pins, knownServers, gateway, wire }: GatewaySettings,
  { onServerKey, onWarning, knownServers: store }: ClientHooks,
): SecureChatCompletionOptions {
  return {
    allowHttp,
    wire,
    serverKeyPins: pins,
    knownServers: store ?? knownServers,
    onServerKey,
    logger: {
      warn: (text) => {
        // Allowed plain HTTP to this machine itself is no danger.
        if (!isLocal(gateway)) onWarning?.(text)
      },
    },
  }
}

/** Tells whether a gateway is on this machine, without a network path to attack. */
export const isLocal = (gateway: string): boolean => isLoopback(new URL(gateway).hostname)
