import type { Registry } from 'prom-client'
import { GatewayError } from '../../errors.js'
import type { Logger } from '../../observability/log.js'
import { watchModel } from '../../observability/metrics/model-metrics.js'
import { UpstreamMetrics } from '../../observability/metrics/upstream-metrics.js'
import { DEFAULT_PARALLEL, DEFAULT_WAITING, type EmbeddedModelConfig } from './config.js'
import { EmbeddedEngine } from './engine.js'
import { MODEL_LOCATION_FORM, parseModelLocation } from './file/model-location.js'
import { loadModel } from './load-model.js'

/** Receivers of what an engine reports, and the end of its start. */
export interface EngineSurroundings {
  readonly registry: Registry
  readonly logger: Logger
  /** Cancels the start. */
  readonly signal: AbortSignal
}

/**
 * Loads a model into this process, and measures its work.
 *
 * @throws GatewayError as {@link loadModel} does
 */
export async function openEmbeddedEngine(
  config: EmbeddedModelConfig,
  { registry, logger, signal }: EngineSurroundings,
): Promise<EmbeddedEngine> {
  const { sha256, cacheFolder } = config
  const location = parseModelLocation(config.model)
  if (location === undefined) {
    throw new GatewayError('ERR_MODEL_FILE', `the location of the model ${MODEL_LOCATION_FORM}.`)
  }
  const { parallel = DEFAULT_PARALLEL, maxWaiting = DEFAULT_WAITING } = config
  const [first, ...others] = config.names ?? []
  const names = first === undefined ? location.names : ([first, ...others] as const)
  const loaded = await loadModel({ location, sha256, cacheFolder }, config, { logger, signal })
  const metrics = new UpstreamMetrics(registry, () => engine.upstreams())
  const engine = new EmbeddedEngine(loaded, {
    ...{ names, parallel, maxWaiting },
    onAttempt: (upstream, result) => {
      metrics.count(upstream, result)
    },
  })
  watchModel(registry, () => engine.waiting)
  logger.info(`running model ${names.join(', ')} in this process`)
  return engine
}
