import { UsageError } from '@nomyo-internal/command-line'
import { errnoCode } from '@nomyo-internal/diagnostics'
import type { FastifyBaseLogger } from 'fastify'
import type { GatewayConfig } from '../config/config.js'
import { GatewayError } from '../errors.js'
import type { PreparedChange, ReloadablePart } from './reloadable-part.js'
import { restartOnly } from './restart-only.js'

/** Result of a reload. Contains names only, no values. */
export interface ReloadReport {
  /** `failed`: nothing has changed. */
  readonly status: 'reloaded' | 'failed'
  /** Settings and files that changed, such as `upstreams (added gpu-2)`. */
  readonly changed: readonly string[]
  /** Settings that differ from those in use and cannot change at run time. */
  readonly needsRestart: readonly string[]
  /** Cause of a failure, such as `ERR_CONFIG`, `ERR_CA_FILE`, or `ERR_CLOSED` while the gateway stops. */
  readonly code?: string
}

/** Parts and settings of a {@link Reloader}. */
export interface ReloaderOptions {
  /** Settings of the start. */
  readonly config: GatewayConfig
  /** Reads the settings again. */
  readonly readConfig: () => GatewayConfig
  readonly parts: readonly ReloadablePart[]
  readonly log: FastifyBaseLogger
}

/**
 * Replaces the settings of a running gateway: all parts change, or none does. Every file is read and
 * checked before the first part changes.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  /** Serializes reloads. */
  #busy: Promise<unknown> = Promise.resolve()
  /** Reload that has not begun: it serves every request for one until then. */
  #next: Promise<ReloadReport> | undefined

  constructor(options: ReloaderOptions) {
    this.#options = options
  }

  /** Reads the settings and all files again. Never rejects: a failure is logged and reported. */
  reload(): Promise<ReloadReport> {
    if (this.#next !== undefined) return this.#next
    const report = this.#busy.then(() => {
      this.#next = undefined
      return this.#reload()
    })
    this.#next = report
    this.#busy = report
    return report
  }

  async #reload(): Promise<ReloadReport> {
    const { config, readConfig, parts, log } = this.#options
    try {
      const next = readConfig()
      const changes: PreparedChange[] = []
      for (const part of parts) changes.push(await part.prepare(next))
      const changed = changes.flatMap((change) => change.changed)
      const needsRestart = [
        ...changes.flatMap((change) => change.needsRestart ?? []),
        ...restartOnly(config, next),
      ]
      for (const change of changes) change.commit()
      log.info({ changed, needsRestart }, describe(changed, needsRestart))
      return { status: 'reloaded', changed, needsRestart }
    } catch (error) {
      const { code, ...facts } = failureFacts(error)
      log.error({ code, ...facts }, 'the reload failed, and nothing has changed')
      return { status: 'failed', changed: [], needsRestart: [], code }
    }
  }
}

function describe(changed: readonly string[], needsRestart: readonly string[]): string {
  const news = changed.length === 0 ? 'nothing changed' : changed.join(', ')
  const rest =
    needsRestart.length === 0 ? '' : `; a restart is needed for ${needsRestart.join(', ')}`
  return `reloaded: ${news}${rest}`
}

/** Describes a failure for the log. The texts of these errors name files and members, never values. */
function failureFacts(error: unknown): { code: string; detail?: string; err?: unknown } {
  if (error instanceof UsageError) return { code: 'ERR_CONFIG', detail: error.message }
  if (error instanceof GatewayError) return { code: error.code, detail: error.message }
  return { code: errnoCode(error), err: error }
}
