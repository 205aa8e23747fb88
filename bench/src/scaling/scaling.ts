import type { RunContext } from '../harness/run-context.js'
import { measureOpenStreams } from './open-streams.js'
import { measureRedisLoad } from './redis-load.js'
import { measureReplicas } from './replicas.js'

/** Measures what the number of gateways follows from: requests, open streams, and the Redis that they share. */
export async function measureScaling(context: RunContext) {
  return {
    replicas: await measureReplicas(context),
    streams: await measureOpenStreams(context),
    redis: await measureRedisLoad(context),
  }
}
