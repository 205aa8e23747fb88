import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { makeKeyDir } from '../key-dir.js'
import { startProgram, type Program, type ProgramOptions } from './program.js'

/** The built gateway. Found by the name of this package, because this file may be bundled. */
export const GATEWAY_MAIN = join(
  createRequire(import.meta.url).resolve('@nomyo-internal/testing/package.json'),
  '../../../apps/gateway/dist/main.js',
)

/** A gateway that runs as a process of its own. */
export interface GatewayProcess extends Program {
  readonly url: string
  readonly port: number
  readonly keyDir: string
}

export interface GatewayProcessOptions extends ProgramOptions {
  /** Added to `--port 0`, `--key-dir` and `--rate-limit off`; the last of a flag counts. Default: the demo engine. */
  readonly args?: readonly string[]
  /** A folder of the caller's own, which stays. */
  readonly keyDir?: string
  /** The program to start instead of {@link GATEWAY_MAIN}. */
  readonly command?: readonly string[]
}

/** Runs the built gateway with these arguments only, whether it gets as far as listening or not. */
export const runGateway = (args: readonly string[], options?: ProgramOptions): Program =>
  startProgram(process.execPath, [GATEWAY_MAIN, ...args], options)

/**
 * Starts a gateway on loopback and waits until it listens. Its key comes from the vectors: reading one
 * is much quicker than generating one. `stop` removes the key folder.
 */
export async function startGatewayProcess(
  options: GatewayProcessOptions = {},
): Promise<GatewayProcess> {
  const { args = ['--engine', 'demo'], keyDir, command } = options
  const folder = keyDir ?? makeKeyDir()
  const removeKeys = (): void => {
    if (keyDir === undefined) rmSync(folder, { recursive: true, force: true })
  }
  const [program = '', ...words] = command ?? [process.execPath, GATEWAY_MAIN]
  const defaults = ['--port', '0', '--key-dir', folder, '--rate-limit', 'off']
  const run = startProgram(program, [...words, ...defaults, ...args], options)
  try {
    const url = await run.prints(/^listening on (\S+)$/m)
    return {
      ...run,
      url,
      port: Number(new URL(url).port),
      keyDir: folder,
      stop: async () => {
        const ended = await run.stop()
        removeKeys()
        return ended
      },
    }
  } catch (error) {
    removeKeys()
    throw error
  }
}
