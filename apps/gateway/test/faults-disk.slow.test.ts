import { execFileSync } from 'node:child_process'
import { chmod, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isInstalled, runGateway, temporaryFolder, type Ended } from '@nomyo-internal/testing'
import { expectEcho, failureOf, testGatewayProcess, testKeyDir } from './support.js'

/** No file can grow: what writes gets EFBIG, wherever it writes. Raised again with prlimit. */
const FULL = 'ulimit -Sf 0; exec "$@"'
/** Permissions bind root too, once it lacks the right to ignore them. */
const BOUND =
  process.getuid?.() === 0
    ? 'exec setpriv --bounding-set=-dac_override,-dac_read_search -- "$@"'
    : 'exec "$@"'

const isBound = process.getuid?.() !== 0 || isInstalled('setpriv')
const SOON = { timeout: 20_000, interval: 100 }

const outcome = (args: readonly string[], within?: string): Promise<Ended> =>
  runGateway(args, within === undefined ? {} : { within }).ended

async function expectServing(gateway: { readonly url: string }): Promise<void> {
  for (const content of ['one', 'two', 'three']) await expectEcho(gateway, content)
}

describe('logs that cannot be written', () => {
  it.each([
    ['a full disk', 'exec "$@" 2>/dev/full'],
    ['a closed standard error', 'exec "$@" 2>&-'],
  ])('leave the gateway serving: %s', async (_what, within) => {
    const gateway = await testGatewayProcess({ within })
    await expectServing(gateway)
  })

  it('leave the gateway serving: a reader that has disconnected', async () => {
    const keyDir = testKeyDir()
    const limit = ['--rate-limit', 'off']
    const run = runGateway(['--engine', 'demo', '--port', '0', '--key-dir', keyDir, ...limit])
    onTestFinished(() => run.kill('SIGKILL'))
    await expect.poll(() => run.stdout(), SOON).toContain('listening')
    run.child.stdout.destroy()
    run.child.stderr.destroy()
    await expectServing({ url: /listening on (\S+)/.exec(run.stdout())?.[1] ?? '' })
    run.kill('SIGTERM')
    expect((await run.ended).code).toBe(0)
  })

  it.skipIf(!isInstalled('prlimit'))('and are there again once the disk has room', async () => {
    const path = join(temporaryFolder(), 'log')
    const within = `ulimit -Sf 0; echo "pid $$"; exec "$@" 2>'${path}'`
    const gateway = await testGatewayProcess({ within })
    await expectServing(gateway)
    expect(await readFile(path, 'utf8')).toBe('')
    const pid = /^pid (\d+)$/m.exec(gateway.output())?.[1] ?? ''
    execFileSync('prlimit', ['--pid', pid, '--fsize=unlimited'])
    await expectServing(gateway)
    const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
    expect(lines.map((line) => (JSON.parse(line) as { status: number }).status)).toEqual([
      200, 200, 200,
    ])
  })
})

describe('server keys on a full disk', () => {
  it('that cannot be made are a reason not to start, and leave nothing half made', async () => {
    const folder = join(temporaryFolder(), 'keys')
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', folder]
    expect(failureOf(await outcome(args, FULL))).toContain('(ERR_KEY_FILE)')
    expect(await readdir(folder)).toEqual([])
  })

  it('are read, and stay when the next cannot be made', async () => {
    const keyDir = testKeyDir()
    const gateway = await testGatewayProcess({ keyDir, within: FULL })
    gateway.kill('SIGUSR2')
    await expect.poll(() => gateway.output(), SOON).toContain('"code":"ERR_KEY_FILE"')
    await expectServing(gateway)
    expect(await readdir(keyDir)).toEqual(['private_key.pem'])
  })
})

describe.skipIf(!isBound)('a key folder that is read-only', () => {
  it('is served from, and takes no next key', async () => {
    const keyDir = testKeyDir()
    await chmod(keyDir, 0o500)
    const gateway = await testGatewayProcess({ keyDir, within: BOUND })
    gateway.kill('SIGUSR2')
    await expect.poll(() => gateway.output(), SOON).toContain('"code":"ERR_KEY_FILE"')
    await expectServing(gateway)
    expect(await readdir(keyDir)).toEqual(['private_key.pem'])
    await chmod(keyDir, 0o700)
  })

  it('and empty is a reason not to start', async () => {
    const keyDir = temporaryFolder()
    await chmod(keyDir, 0o500)
    const args = ['--engine', 'demo', '--port', '0', '--key-dir', keyDir]
    expect(failureOf(await outcome(args, BOUND))).toContain('(ERR_KEY_FILE)')
    await chmod(keyDir, 0o700)
  })
})

describe('the file of API keys on a full disk', () => {
  it('stays intact, and no key is printed that it does not contain', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'api-keys.json')
    await outcome(['keys', 'add', '--keys-file', path, '--name', 'first'])
    const before = await readFile(path, 'utf8')
    for (const args of [
      ['keys', 'add', '--name', 'second'],
      ['keys', 'revoke', 'first'],
    ]) {
      const ended = await outcome([...args, '--keys-file', path], FULL)
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      expect(await readFile(path, 'utf8')).toBe(before)
      expect(await readdir(folder)).toEqual(['api-keys.json'])
    }
  })

  it('a new key that cannot be printed is an error', async () => {
    const path = join(temporaryFolder(), 'api-keys.json')
    const ended = await outcome(['keys', 'add', '--keys-file', path], 'exec "$@" >/dev/full')
    expect(ended.code).toBe(1)
  })
})
