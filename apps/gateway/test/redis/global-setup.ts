import { redisFound } from './redis-server.js'

/** Says once what is left out. */
export function setup(): void {
  if (!redisFound) {
    console.info('live Redis tests skipped: no redis-server (Debian: apt-get install redis-server)')
  }
}
