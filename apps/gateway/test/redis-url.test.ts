import { describe, expect, it } from 'vitest'
import { redisErrorCode } from '../src/redis/error-code.js'
import { hashTagged } from '../src/redis/keys.js'
import { describeTarget, parseRedisUrl } from '../src/redis/url.js'

describe('the URL of Redis', () => {
  it.each([
    ['redis://127.0.0.1:6379', '127.0.0.1:6379'],
    ['redis://:can@ary@redis.internal?family=6', 'redis.internal'],
    ['rediss://user:canary@redis.internal:6380/2', 'redis.internal:6380'],
  ])('names one server: %s', (url, place) => {
    const target = parseRedisUrl(url)
    expect(target).toEqual({ kind: 'single', url })
    expect(target && describeTarget(target)).toBe(place)
  })

  it('names the nodes of a cluster', () => {
    expect(parseRedisUrl('rediss+cluster://user:can%40ary@a:7000,[::1]:7001,c')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 7000 },
        { host: '::1', port: 7001 },
        { host: 'c', port: 6379 },
      ],
      tls: true,
      username: 'user',
      password: 'can@ary',
    })
  })

  it('names Sentinels and their master', () => {
    const url = 'redis+sentinel://:canary@s1,s2:26380/my-master/3?sentinelPassword=canary2'
    const target = parseRedisUrl(url)
    expect(target).toEqual({
      kind: 'sentinel',
      nodes: [
        { host: 's1', port: 26379 },
        { host: 's2', port: 26380 },
      ],
      tls: false,
      username: undefined,
      password: 'canary',
      master: 'my-master',
      database: 3,
      sentinelUsername: undefined,
      sentinelPassword: 'canary2',
    })
    expect(target && describeTarget(target)).not.toContain('canary')
  })

  it.each([
    '',
    'redis:',
    'redis://',
    'redis:///0',
    'http://127.0.0.1',
    'redis://a,b',
    'redis+cluster://',
    'redis+cluster://a,,b',
    'redis+cluster://a:70000',
    'redis+cluster://a/0',
    'redis+cluster://a?password=b',
    'redis+cluster://%ff@a',
    `redis+cluster://${'a,'.repeat(64)}a`,
    'redis+sentinel://a',
    'redis+sentinel://a/',
    'redis+sentinel://a/my master',
    'redis+sentinel://a/m/x',
    'redis+sentinel://a/m?password=b',
    'redis+other://a',
  ])('is refused as %j', (url) => {
    expect(parseRedisUrl(url)).toBeUndefined()
  })
})

describe('the code of a failure of Redis', () => {
  const reply = (message: string): Error =>
    Object.assign(new Error(message), { name: 'ReplyError' })
  it.each([
    ["READONLY You can't write against a read only replica.", 'READONLY'],
    ['READONLY … script: c84ad0, on @user_script:1.', 'READONLY'],
    [
      "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write",
      'READONLY',
    ],
    ['LOADING Redis is loading the dataset in memory', 'LOADING'],
    [
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
      'MASTERDOWN',
    ],
    ["ERR Error running script: -OOM command not allowed when used memory > 'maxmemory'.", 'OOM'],
    ["NOPERM this user has no permissions to run the 'set' command", 'NOPERM'],
    ["ERR The user executing the script can't run this command or subcommand", 'NOPERM'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'CROSSSLOT'],
    ['MOVED 3999 127.0.0.1:6381', 'MOVED'],
    ['CLUSTERDOWN Hash slot not served', 'CLUSTERDOWN'],
    ['NOAUTH Authentication required.', 'NOAUTH'],
    ['WRONGPASS invalid username-password pair', 'WRONGPASS'],
    ['ERR unknown command', 'ERR'],
    ['WHATEVER canary', 'OTHER'],
  ])('in %j is %s', (message, code) => {
    expect(redisErrorCode(reply(message))).toBe(code)
  })

  it('of a connection is that of the system', () => {
    const failed = (code: string): Error => Object.assign(new Error(), { code })
    expect(redisErrorCode(failed('ECONNREFUSED'))).toBe('ECONNREFUSED')
    expect(redisErrorCode(failed('SELF_SIGNED_CERT_IN_CHAIN'))).toBe('TLS')
    expect(redisErrorCode(failed('ERR_SSL_WRONG_VERSION_NUMBER'))).toBe('TLS')
    expect(redisErrorCode(failed('ECANARY'))).toBe('OTHER')
    const lastNodeError = failed('ECONNREFUSED')
    expect(redisErrorCode(Object.assign(new Error(), { lastNodeError }))).toBe('ECONNREFUSED')
    // A text of READONLY that is no reply of Redis.
    expect(redisErrorCode(new Error('READONLY'))).toBeUndefined()
  })
})

it('keys with one tag are in one slot, whatever the tag', () => {
  expect(hashTagged('nomyo:quota', 'caller', 'day')).toBe('nomyo:quota:{caller}:day')
  for (const tag of ['', '}', '{', 'a}b', '%', '{}']) {
    const [first, second] = [hashTagged('p', tag, 'a'), hashTagged('p', tag, 'b')]
    const hashed = (key: string): string | undefined => /\{([^}]+)\}/.exec(key)?.[1]
    expect(hashed(first)).toBeDefined()
    expect(hashed(first)).toBe(hashed(second))
  }
  expect(hashTagged('p', 'a}b')).not.toBe(hashTagged('p', 'a'))
})
