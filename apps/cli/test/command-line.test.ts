import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../src/commands/table.js'
import type { Command } from '../src/command.js'
import { completedWords } from '../src/completion/words.js'
import { suggestion } from '../src/suggestion.js'
import { Home, entry, isThere } from './support.js'

/** Every way to a command that can be run. */
const paths = (commands: Readonly<Record<string, Command>>): string[][] =>
  Object.entries(commands).flatMap(([name, { subcommands, runRaw }]) => [
    [name],
    ...(subcommands === undefined || runRaw !== undefined
      ? []
      : paths(subcommands).map((rest) => [name, ...rest])),
  ])

describe('nomyo', () => {
  it.each<[readonly string[], number]>([
    [[], 2],
    [['--help'], 0],
    [['-h'], 0],
    [['--version'], 0],
    [['--version', '--json'], 0],
    [['dmeo'], 2],
    [['toString'], 2],
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
    [['gateway', '--port', 'nonsense'], 2],
    [['proxy', '--port', 'nonsense'], 2],
    [['attest', 'verify'], 3],
  ])('%j ends with %i', async (args, code) => {
    const run = await new Home().run(args)
    expect(run.code).toBe(code)
    expect(run.stdout + run.stderr).not.toMatch(/\n {4}at |undefined/)
    expect(run.stdout + run.stderr).not.toContain('\u001b')
  })

  it.each(paths(COMMANDS))('%s %s has a help text', async (...path) => {
    const { code, stdout, stderr } = await new Home().run([...path.filter(Boolean), '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Usage')
    if (path[0] !== 'gateway' && path[0] !== 'proxy') {
      expect(stdout.split('\n').filter((line) => line.length > 110)).toEqual([])
    }
  })

  it('suggests what was meant, and nothing far from it', async () => {
    const home = new Home()
    expect((await home.run(['doctro'])).stderr).toContain('did you mean doctor?')
    expect((await home.run(['keys', 'rotat'])).stderr).toContain('did you mean rotate?')
    expect((await home.run(['chat', 'x', '--recipt', 'y'])).stderr).toContain(
      'did you mean --receipt?',
    )
    expect((await home.run(['attest', 'verify', 'x', '--polcy', 'y'])).stderr).toContain(
      'did you mean --policy?',
    )
    expect(suggestion('xyz', ['chat', 'doctor'])).toBeUndefined()
    expect(suggestion('cha', ['chat', 'chaos'])).toBe('chat')
  })

  it('gives the demo to programs', async () => {
    const { code, stdout, stderr } = await new Home().run(['demo', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { ok, checks, steps } = JSON.parse(stdout)
    expect([ok, checks.length]).toEqual([true, 4])
    expect(steps[0]).toHaveProperty('durationMs')
  })
})

describe('a shortcut', () => {
  it('runs the program, and passes signals and the exit code on', async () => {
    const home = new Home()
    const child = spawn(
      process.execPath,
      [entry, 'gateway', '--engine', 'demo', '--port', '0', '--log-level', 'error'],
      { env: home.environment, stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const [bytes] = (await once(child.stdout, 'data')) as [Buffer]
    const url = bytes.toString().replace('listening on', '').trim()
    expect((await fetch(`${url}/health`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })
})

describe('completion', () => {
  const bash = (line: string, home = new Home()): string[] => {
    const words = line.split(' ')
    const script = execFileSync(process.execPath, [entry, 'completion', 'bash'], {
      encoding: 'utf8',
    })
    const calls = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      _nomyo; printf '%s\\n' "\${COMPREPLY[@]}"`
    const options = { encoding: 'utf8', cwd: home.work } as const
    return execFileSync('bash', ['--norc', '-c', `${script}\n${calls}`], options)
      .split('\n')
      .filter((word) => word !== '')
  }

  it('works in bash', () => {
    expect(bash('nomyo ').sort()).toEqual(Object.keys(COMMANDS).sort())
    expect(bash('nomyo d')).toEqual(['doctor', 'demo'])
    expect(bash('nomyo --v')).toEqual(['--version'])
    expect(bash('nomyo keys ')).toEqual(['generate', 'show', 'fingerprint', 'rotate'])
    expect(bash('nomyo keys rotate --p')).toEqual(['--password-file'])
    expect(bash('nomyo chat --tier ')).toEqual(['standard', 'high', 'maximum'])
    expect(bash('nomyo chat --model keys --ti')).toEqual(['--tier', '--timeout'])
    expect(bash('nomyo chat --model ')).toEqual([])
    expect(bash('nomyo attest policy init --p')).toEqual(['--payload-id', '--pcrs'])
    expect(bash('nomyo completion f')).toEqual(['fish'])
    const home = new Home()
    home.file('a policy.json', '{}')
    expect(bash('nomyo chat --policy a', home)).toEqual(['a policy.json'])
    expect(bash('nomyo keys fingerprint a', home)).toEqual(['a policy.json'])
  })

  it.each(['bash', 'zsh', 'fish'])('is a script that %s can read', async (shell) => {
    const { code, stdout } = await new Home().run(['completion', shell])
    expect(code).toBe(0)
    for (const { options } of completedWords(COMMANDS)) {
      for (const { name } of options) expect(stdout).toContain(name.replace(/^--/, ''))
    }
    if (!isThere(shell, '--version')) {
      console.info(`syntax of the completion for ${shell} not looked at: no ${shell}`)
      return
    }
    execFileSync(shell, ['-n'], { input: stdout })
  })
})
