import { rmSync } from 'node:fs'
import { makeKeyDir } from './key-dir.js'

const DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  engine: { kind: 'demo' },
  maxBodyBytes: 1024 * 1024,
  logLevel: 'silent',
}

/** Settings of a gateway for tests; each can be replaced. */
export type GatewayDefaults = typeof DEFAULTS & { readonly keyDir: string }

/** A gateway in this process. */
export type InProcess<Gateway> = Gateway & {
  readonly port: number
  /** Closes the gateway and removes its key folder. */
  stop(): Promise<void>
}

/**
 * Starts a gateway in this process: on loopback, with the demo engine, a server key of the vectors,
 * no limits of rates and no logs.
 *
 * @param createGateway - that of `@nomyo/gateway`, which this package cannot depend on
 * @param settings - members of its configuration that differ from {@link GatewayDefaults}
 */
export async function startGateway<
  Config extends { [Name in keyof GatewayDefaults]: unknown },
  Gateway extends { readonly url: string; close(): Promise<void> },
>(
  createGateway: (config: Config) => Promise<Gateway>,
  settings: Partial<Config> = {},
): Promise<InProcess<Gateway>> {
  const keyDir = makeKeyDir()
  const removeKeyDir = (): void => rmSync(keyDir, { recursive: true, force: true })
  try {
    const gateway = await createGateway({ ...DEFAULTS, keyDir, ...settings } as unknown as Config)
    const stop = async (): Promise<void> => {
      await gateway.close()
      removeKeyDir()
    }
    return Object.assign(gateway, { port: Number(new URL(gateway.url).port), stop })
  } catch (error) {
    removeKeyDir()
    throw error
  }
}
