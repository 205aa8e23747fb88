import { statSync, type Stats } from 'node:fs'
import { UsageError } from '@nomyo-internal/command-line'
import type { GatewayConfig } from './config.js'
import { gatewayConfig, type GatewaySettings } from './load.js'

/**
 * Reads the settings of a running gateway again, from the same flags and variables and from the config
 * file as it is now. Accepts regular files only: a pipe that was read at the start is empty or blocks.
 *
 * @throws UsageError
 */
export function rereadConfig(settings: GatewaySettings): GatewayConfig {
  const path = settings.file?.path
  if (path !== undefined) refuseSpecialFile(path)
  const config = gatewayConfig(settings.reread())
  for (const file of filesOf(config)) refuseSpecialFile(file)
  return config
}

function filesOf({ keysFile, tls, engine }: GatewayConfig): readonly string[] {
  const caFiles =
    engine.kind === 'upstreams'
      ? engine.upstreams.map(({ caFile }) => caFile)
      : [engine.kind === 'openai' ? engine.caFile : undefined]
  return [keysFile, tls?.certFile, tls?.keyFile, ...caFiles].filter((file) => file !== undefined)
}

/** Leaves a missing file to its reader, whose error has a code of its own. */
function refuseSpecialFile(path: string): void {
  if (statOf(path)?.isFile() === false) {
    throw new UsageError(`${path} is not a regular file: it cannot be read again`)
  }
}

const statOf = (path: string): Stats | undefined => {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}
