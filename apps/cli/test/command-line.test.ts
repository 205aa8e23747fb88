import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { completedWords, optionsTable } from '@nomyo-internal/command-line'
import { describe, expect, it } from 'vitest'
import { attestCommand } from '../src/commands/attest/attest.js'
import { chatCommand } from '../src/commands/chat/chat.js'
import { nomyo } from '../src/program.js'
import { Home } from './support.js'

const commands = await completedWords(nomyo)
/** Every command that writes its own help text. */
const paths = commands
  .map(({ path }) => `nomyo ${path}`.trimEnd())
  .filter((path) => !/ (?:gateway|proxy)$/.test(path))

describe('nomyo', () => {
  it.each<[readonly string[], number]>([
    [[], 2],
    [['--help'], 0],
    [['-h'], 0],
    [['--version'], 0],
    [['--version', '--json'], 0],
    [['dmeo'], 2],
    [['toString'], 2],
    [['demo', 'now'], 2],
    [['keys'], 2],
    [['keys', 'generat'], 2],
    [['keys', 'show', 'extra'], 2],
    [['servers', 'trust'], 2],
    [['servers', 'forget', 'not a url'], 2],
    [['servers', 'trust', 'https://127.0.0.1:9', '--yes'], 4],
    [['keys', 'fingerprint'], 2],
    [['keys', 'fingerprint', 'x', '--gateway', 'https://x'], 2],
    [['keys', 'show', '--password-file', '/nowhere'], 2],
    [['completion'], 2],
    [['completion', 'csh'], 2],
    [['chat'], 2],
    [['chat', 'x', '--gateway', 'http://127.0.0.1:9'], 2],
    [['chat', 'x', '--gateway', 'ftp://127.0.0.1:9'], 2],
    [['doctor', '--gateway', 'https://127.0.0.1:9/v1'], 2],
    [['chat', 'x', '--gateway', 'https://127.0.0.1:9', '--model', 'm', '--timeout', '9'], 4],
    [['chat', 'x', '--tier', 'hihg'], 2],
    [['chat', 'x', '--temperature', 'warm'], 2],
    [['chat', 'x', '--temperature', '3'], 2],
    [['chat', 'x', '--max-tokens', '1.5'], 2],
    [['chat', 'x', '--timeout', '0'], 2],
    [['chat', 'x', '--pin', 'sha256/short'], 2],
    [['chat', 'x', '--policy', '/nowhere'], 2],
    [['chat', 'x', '--api-key-file', '/nowhere'], 2],
    [['chat', 'x', '--receipt', '/nowhere/x'], 2],
    [['chat', 'x', '--model'], 2],
    [['chat', 'x', '--json=yes'], 2],
    [['chat', 'x', '--api-key', 'x'], 2],
    [['doctor', 'x'], 2],
    [['doctor', '--policy', '/nowhere'], 2],
    [['doctor', '--gateway', 'https://127.0.0.1:9'], 1],
    [['attest', 'verify'], 2],
  ])('%j ends with %i', async (args, code) => {
    const run = await new Home().run(args)
    expect(run.code).toBe(code)
    expect(run.stdout + run.stderr).not.toMatch(/\n {4}at |undefined/)
    expect(run.stdout + run.stderr).not.toContain('\u001b')
  })

  it.each(paths)('%s has a help text', async (path) => {
    const words = path.split(' ').slice(1)
    const { code, stdout, stderr } = await new Home().run([...words, '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage\n  ${path}`)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('lists its commands', async () => {
    const { stdout } = await new Home().run(['--help'])
    expect(stdout).toContain('\nExamples\n  nomyo demo\n')
    for (const name of Object.keys(nomyo.subcommands ?? {}))
      expect(stdout).toContain(`\n  ${name} `)
  })

  it('lists commands by their own summaries, without loading them', async () => {
    for (const { load, summary } of Object.values(nomyo.subcommands ?? {})) {
      if (load !== undefined) expect((await load()).summary).toBe(summary)
    }
  })

  it.each([
    ['chat', chatCommand],
    ['attest verify', attestCommand.subcommands?.['verify']],
  ])('has the options of %s in its README', (_path, command) => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    expect(readme).toContain(optionsTable(command?.options ?? {}, 4))
  })

  it.each([
    [['doctro'], 'Did you mean doctor?'],
    [['keys', 'rotat'], 'Did you mean rotate?'],
    [['chat', 'x', '--recipt', 'y'], 'Did you mean --receipt?'],
    [['attest', 'verify', 'x', '--polcy', 'y'], 'Did you mean --policy?'],
  ])('suggests a word near to one in %j', async (args, text) => {
    expect((await new Home().run(args)).stderr).toContain(text)
  })
})

describe('completion', () => {
  it('knows every command, option and value', () => {
    const wordsOf = (path: string): string[] =>
      commands.find((one) => one.path === path)?.words.map(({ name }) => name) ?? []
    const option = (path: string, name: string) =>
      commands.find((one) => one.path === path)?.options.find((one) => one.name === name)
    expect(wordsOf('').sort()).toEqual(Object.keys(nomyo.subcommands ?? {}).sort())
    expect(wordsOf('keys')).toEqual(['generate', 'show', 'fingerprint', 'rotate'])
    expect(wordsOf('completion')).toEqual(['bash', 'zsh', 'fish'])
    expect(option('chat', '--tier')?.value).toEqual(['standard', 'high', 'maximum'])
    expect(option('chat', '--model')?.value).toBe('any')
    expect(option('chat', '--policy')?.value).toBe('path')
    expect(option('keys rotate', '--password-file')?.value).toBe('path')
    expect(option('attest policy init', '--payload-id')?.value).toBe('any')
    expect(commands.find(({ path }) => path === 'keys fingerprint')?.takesPaths).toBe(true)
  })
})

describe('the built command', () => {
  it.each([
    [['--version', '--json'], 0],
    [['keys', 'generate'], 0],
    [['gateway', '--help'], 0],
    [['gateway', '--port', 'nonsense'], 2],
    [['proxy', '--port', 'nonsense'], 2],
  ])('%j ends with %i', async (args, code) => {
    const { ended } = new Home().start(args, { NODE_OPTIONS: '' })
    expect((await ended).code).toBe(code)
  })

  it.each([[[]], [['proxy']], [['gateway']]])(
    '%j loads no client and no server to print its help',
    async (command) => {
      const home = new Home()
      const folder = join(home.path, 'coverage')
      const program = home.start([...command, '--help'], {
        NODE_V8_COVERAGE: folder,
        NODE_OPTIONS: '',
      })
      expect((await program.ended).code).toBe(0)
      // Node writes a report on each process, with all modules that it loaded.
      const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
      expect(reports).toHaveLength(command.length + 1)
      for (const report of reports) {
        expect(report).toMatch(/"url":"file:[^"]*\/apps\/(cli|proxy|gateway)\/dist\//)
        expect(report).not.toMatch(/"url":"file:[^"]*\/(undici|fastify|packages\/client)\//)
      }
    },
  )

  it('runs another program, and passes signals and the exit code on', async () => {
    const args = ['gateway', '--engine', 'demo', '--port', '0', '--log-level', 'error']
    const program = new Home().start(args)
    const url = await program.prints(/^listening on (\S+)$/m)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    program.kill('SIGTERM')
    expect(await program.ended).toMatchObject({ code: 0, signal: null })
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })
})
