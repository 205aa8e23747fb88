import { attestationPolicy, type AttestationPolicy } from '@nomyo/attest'
import {
  SecureChatCompletion,
  SecureCompletionClient,
  type AttestationEvent,
  type KnownServersStore,
  type SecureChatCompletionOptions,
  type ServerKeyEvent,
} from '@nomyo/client'
import { importPublicKey, type PublicKey } from '@nomyo/crypto'
import { readPolicy } from '../attest/judgement.js'
import type { Settings } from '../settings/settings.js'

/** What a command wants to be told, and wants otherwise than usual. */
export interface ClientHooks {
  readonly onServerKey?: (event: ServerKeyEvent) => void
  readonly onAttestation?: (event: AttestationEvent) => void
  readonly onReceipt?: SecureChatCompletionOptions['onReceipt']
  readonly onWarning?: (text: string) => void
  readonly timeoutMs?: number | undefined
  /** Instead of the file of the settings. */
  readonly knownServers?: KnownServersStore
}

/** A client by the settings. @throws UsageError for a policy file that makes no sense */
export async function openClient(
  settings: Settings,
  hooks: ClientHooks,
): Promise<SecureChatCompletion> {
  const policy = await loadPolicy(settings)
  const { onAttestation } = hooks
  return new SecureChatCompletion({
    ...trustOptions(settings, hooks),
    baseUrl: settings.gateway,
    apiKey: settings.apiKey,
    timeout: hooks.timeoutMs,
    onReceipt: hooks.onReceipt,
    attestation:
      policy === undefined
        ? undefined
        : { policy, ...(onAttestation === undefined ? {} : { onResult: onAttestation }) },
  })
}

/**
 * Fetches the key of the gateway and holds it against pins and known servers, as every request does.
 *
 * @throws SecurityError when it is not to be trusted
 */
export async function fetchTrustedKey(settings: Settings, hooks: ClientHooks): Promise<PublicKey> {
  const client = new SecureCompletionClient({
    ...trustOptions(settings, hooks),
    routerUrl: settings.gateway,
    timeout: 30_000,
  })
  try {
    return await importPublicKey(await client.fetchServerPublicKey())
  } finally {
    client.dispose()
  }
}

/** The policy of the settings, if there is one. @throws UsageError */
export async function loadPolicy({ policy }: Settings): Promise<AttestationPolicy | undefined> {
  return policy === undefined ? undefined : attestationPolicy(await readPolicy(policy))
}

function trustOptions(
  { allowHttp, pins, knownServers, gateway }: Settings,
  { onServerKey, onWarning, knownServers: store }: ClientHooks,
): SecureChatCompletionOptions {
  return {
    allowHttp,
    serverKeyPins: pins,
    knownServers: store ?? knownServers,
    onServerKey,
    logger: {
      warn: (text) => {
        // Plain HTTP was asked for, and to this machine itself it is no danger.
        if (!isLoopback(gateway)) onWarning?.(text)
      },
    },
  }
}

/** Whether a gateway is on this machine, where nobody is on the way. */
export const isLoopback = (gateway: string): boolean =>
  /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(gateway).hostname)
