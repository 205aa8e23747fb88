import { KeyRing, generateKeyPair, type KeyPair } from '@nomyo/crypto'
import { loadOrCreateKeyPair } from '@nomyo/crypto/keys/node'
import { noAttestor, type Attestor } from './attestor/attestor.js'
import { TpmAttestor } from './attestor/tpm-attestor.js'
import { KeyStore } from './api-keys/key-store.js'
import { createAuthenticate } from './authenticate.js'
import type { GatewayConfig } from './config.js'
import { createDemoEngine } from './engines/demo.js'
import type { Engine } from './engines/engine.js'
import { createUpstreams } from './engines/create-upstreams.js'
import { createMemories } from './memories.js'
import type { Notice } from './notice.js'
import { SECURITY_TIERS } from './security-tier.js'
import { createServer } from './server.js'
import { TierPolicy } from './tier-policy.js'

/** A gateway that listens. */
export interface Gateway {
  /** Where it listens, such as `http://127.0.0.1:12435`. */
  readonly url: string
  /** `sha256/...` of the server key, for pinning. */
  readonly fingerprint: string
  /** Reads the file of API keys again; a broken one changes nothing, and the notice says so. */
  reload(): Promise<void>
  /** Stops accepting, lets requests in flight finish, lets go of keys. Safe to call twice. */
  close(): Promise<void>
}

/** Smaller server keys are refused by clients. */
const LEAST_SERVER_KEY_BITS = 4096

/**
 * Starts a gateway. Resolves when it listens; rejects when a key cannot be read, the address is
 * taken, or a TPM that is required gives no quote.
 *
 * @throws SecurityError for keys, KeysFileError for the file of API keys, TpmError for the TPM, system errors for the address
 */
export async function createGateway(
  config: GatewayConfig,
  notice: Notice = () => undefined,
): Promise<Gateway> {
  warnAboutOpenDoors(config, notice)
  const keyStore = await KeyStore.open(
    { apiKeys: config.apiKeys, keysFile: config.keysFile },
    notice,
  )
  const attestor = createAttestor(config, notice)
  const serverKeys = new KeyRing(await serverKeyPair(config, notice))
  const policy = config.policy === undefined ? undefined : new TierPolicy(config.policy)
  if (policy !== undefined) announce(policy, config, notice)
  const engine = createEngine(config, policy, notice)
  const memories = await createMemories(config, notice)
  const { replayMemory, rateLimiter } = memories
  const { maxBodyBytes } = config
  const server = createServer({
    context: { serverKeys, engine, attestor, policy, replayMemory, maxBodyBytes },
    authenticate: createAuthenticate(() => keyStore.keys),
    rateLimiter,
    corsOrigins: config.corsOrigins ?? [],
    logLevel: config.logLevel,
  })
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await server.close()
    await engine.close()
    await attestor.close()
    await memories.close()
    serverKeys.dispose()
  }
  try {
    await attestor.start(server.log)
    engine.start?.(server.log)
    const url = await server.listen({ host: config.host, port: config.port })
    return {
      url,
      fingerprint: serverKeys.current.publicKey.fingerprint,
      reload: () => keyStore.reload(),
      close: () => (closing ??= close()),
    }
  } catch (error) {
    await close()
    throw error
  }
}

function createEngine(
  { engine }: GatewayConfig,
  policy: TierPolicy | undefined,
  notice: Notice,
): Engine {
  return engine.kind === 'demo' ? createDemoEngine() : createUpstreams(engine, policy, notice)
}

function createAttestor({ tpm }: GatewayConfig, notice: Notice): Attestor {
  return tpm === undefined ? noAttestor : new TpmAttestor(tpm, notice)
}

async function serverKeyPair({ keyDir }: GatewayConfig, notice: Notice): Promise<KeyPair> {
  if (keyDir === undefined) {
    notice('no --key-dir: making a server key that lasts until the gateway stops')
    return generateKeyPair()
  }
  return loadOrCreateKeyPair(keyDir, {
    minBits: LEAST_SERVER_KEY_BITS,
    onGenerate: () => {
      notice(`making a server key in ${keyDir}; this takes a few seconds`)
    },
    onWarning: notice,
  })
}

function announce(policy: TierPolicy, { tpm }: GatewayConfig, notice: Notice): void {
  notice(`tier policy ${policy.version}`)
  const unmet = SECURITY_TIERS.filter((tier) => policy.ruleOf(tier)?.requireAttestation === true)
  if (unmet.length === 0 || tpm !== undefined) return
  notice(`no --tpm: the policy wants attestation, so there are no answers for ${unmet.join(', ')}`)
}

function warnAboutOpenDoors(config: GatewayConfig, notice: Notice): void {
  if (config.engine.kind === 'demo') {
    notice('demo engine: answers are made up by this process, no model is asked')
  }
  if (config.apiKeys.length === 0 && config.keysFile === undefined) {
    notice(
      `no --api-key and no --keys-file: everybody who reaches ${config.host} may use this gateway`,
    )
  }
  if (config.corsOrigins?.includes('*') === true) {
    notice('--cors-origin *: every web page may use this gateway, from the browser it is open in')
  }
}
