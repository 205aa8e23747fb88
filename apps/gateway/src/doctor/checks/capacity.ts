import { ok, warning, type Finding } from '@nomyo-internal/diagnostics'
import { DEFAULT_MAX_REQUESTS } from '../../completion/load/load-shedder.js'
import { MAX_LOCAL_IDS } from '../../completion/replay/local.js'
import type { GatewayConfig } from '../../config/config.js'
import { MAX_CONNECTIONS } from '../../http/connection-limits.js'
import { systemFiles } from '../../metadata/system-files.js'
import type { Check } from '../check.js'

/** Open files that are neither callers nor requests to model servers. */
const OTHER_FILES = 64
const DEFAULT_WINDOW_MS = 600_000
const IDS_PER_REQUEST = 2

/** Checks that connections and remembered requests fit into the limits of the process. */
export const capacityCheck: Check = {
  name: 'capacity',
  run: async (config) => examineCapacity(config, await readOpenFilesLimit()),
}

/**
 * Compares a configuration with the limits of a process.
 *
 * @param limit - number of files that it may have open; undefined where the system does not tell
 */
export function examineCapacity(
  config: GatewayConfig,
  limit: number | undefined,
): readonly Finding[] {
  const warnings = [openFiles(config, limit), replays(config)].filter(
    (finding) => finding !== undefined,
  )
  return warnings.length > 0
    ? warnings
    : [ok('enough for all connections and for replay protection')]
}

function openFiles({ load }: GatewayConfig, limit = Infinity): Finding | undefined {
  const connections = load?.maxConnections ?? MAX_CONNECTIONS
  const needed = connections + (load?.maxRequests ?? DEFAULT_MAX_REQUESTS) + OTHER_FILES
  if (needed <= limit) return undefined
  return warning(
    `the process may open ${limit} files, and its connections need up to ${needed}`,
    'raise the limit (ulimit -n, LimitNOFILE of systemd), or lower --max-connections',
  )
}

/** Warns where the replay protection of one process refuses requests long before the rate limit does. */
function replays({
  redis,
  replayWindowMs = DEFAULT_WINDOW_MS,
}: GatewayConfig): Finding | undefined {
  const requests = MAX_LOCAL_IDS / IDS_PER_REQUEST
  const perSecond = requests / (replayWindowMs / 1000)
  if (redis !== undefined || perSecond >= 1) return undefined
  return warning(
    `replay protection has room for ${requests} requests within --replay-window: above ${perSecond.toFixed(2)} a second they are refused with 503`,
    'shorten --replay-window, or set --redis',
  )
}

async function readOpenFilesLimit(): Promise<number | undefined> {
  const limits = await systemFiles.read('/proc/self/limits').catch(() => '')
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return limit === undefined ? undefined : Number(limit)
}
