import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { SecureChatCompletion, type ChatMessage } from '@nomyo/client'
import {
  freePort,
  isInstalled,
  makeCa,
  shared,
  startProgram,
  stopAfterTest,
  temporaryFolder,
  until,
  type Program,
} from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { readMembers } from '../../../tools/workspace.mjs'
import { IMAGE_USER, openImages } from '../src/images.js'
import { deployFolder, validators } from '../src/validators.js'

const root = join(deployFolder, '..')
const text = await readFile(join(deployFolder, 'Containerfile'), 'utf8')

/** The stage of an image, and that which installs its packages. */
const stage = (name: string): string =>
  new RegExp(`^FROM \\S+ AS ${name}\\n[^]*?(?=^FROM|$(?![^]))`, 'm').exec(text)?.[0] ?? ''

describe('the Containerfile', () => {
  it.runIf(validators)('is accepted by a linter', () => {
    const require = createRequire(join(validators!, 'package.json'))
    const { validate } = require('dockerfile-utils') as { validate: (text: string) => unknown[] }
    expect(validate(text)).toEqual([])
    expect(validate(text.replace(/^HEALTHCHECK/m, 'HEALTHCHEK'))).not.toEqual([])
  })

  it.each(['gateway', 'proxy'])('installs every package of ours that the %s needs', (name) => {
    const manifests = new Map(
      readMembers(root).map(({ manifest }) => [manifest.name, manifest] as const),
    )
    const needed = new Set<string>()
    const collect = (member: string): void => {
      const manifest = manifests.get(member)
      if (manifest === undefined || needed.has(member)) return
      needed.add(member)
      Object.keys(manifest.dependencies ?? {}).forEach(collect)
    }
    collect(`@nomyo/${name}`)
    const installed = [...stage(`${name}-packages`).matchAll(/\/tarballs\/nomyo-(\w+)-\*\.tgz/g)]
    expect(installed.map(([, member]) => `@nomyo/${member}`).sort()).toEqual([...needed].sort())
  })

  it.each(['gateway', 'proxy'])('keeps root and shells out of the %s', (name) => {
    expect(stage(name)).toMatch(/^USER 65532:65532$/m)
    expect(stage(name)).not.toMatch(/^RUN /m)
    expect(text).toContain('--ulimit core=0')
  })

  it('is described with the library of models that the gateway asks for', async () => {
    const source = 'apps/gateway/src/upstreams/embedded/missing-library.ts'
    const [asked, guide] = await Promise.all(
      [source, 'docs/gateway/deploy.md'].map((file) => readFile(join(root, file), 'utf8')),
    )
    const [, version] = /LIBRARY_VERSION = '([\d.]+)'/.exec(asked ?? '') ?? []
    const named = [...(guide ?? '').matchAll(/node-llama-cpp(?:\/linux-x64)?@([\d.]+)/g)]
    expect(named.map(([, found]) => found)).toEqual([version, version])
  })

  it('builds the gateway where no target is named', () => {
    expect([...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].at(-1)?.[1]).toBe('gateway')
  })
})

/** Images need a user who may change the owners of files. */
const canBuild = isInstalled('buildah') && process.getuid?.() === 0

describe.runIf(canBuild)('an image', () => {
  const images = shared(openImages)
  const tarballs = shared(async () => {
    const folder = temporaryFolder()
    // As the Containerfile does it.
    const members = ['@nomyo/gateway...', '@nomyo/proxy...'].flatMap((m) => ['--filter-prod', m])
    const words = ['--recursive', ...members, 'pack', '--pack-destination', folder]
    const { code, stderr } = await startProgram('pnpm', words, { cwd: root }).ended
    expect([code, stderr]).toEqual([0, ''])
    return { folder, stop: () => undefined }
  })
  const key = 'a-key-of-the-test'

  /** The user of a process, and of a file that it sees. */
  const usersOf = async (program: Program, path: string): Promise<unknown[]> => {
    const [, pid = ''] = /"pid":(\d+)/.exec(program.output()) ?? []
    const [own, file] = await Promise.all([
      stat(`/proc/${pid}`),
      stat(join(`/proc/${pid}/root`, path)),
    ])
    return [own.uid, file.uid, pid]
  }

  it('runs a gateway that answers, as a user without rights', async () => {
    const config = await images().build('gateway', tarballs().folder)
    expect([config.User, Object.keys(config.Volumes)]).toEqual(['65532:65532', ['/state']])
    const port = await freePort()
    const env = { NOMYO_PORT: String(port), NOMYO_HOST: '127.0.0.1', NOMYO_KEY_DIR: '/state/keys' }
    const container = await images().run('gateway')
    const gateway = container.start(['--engine', 'demo', '--api-key', key], env)
    onTestFinished(() => void gateway.child.kill('SIGKILL'))
    const baseUrl = await gateway.prints(/^listening on (\S+)$/m)
    const client = new SecureChatCompletion({ baseUrl, allowHttp: true, apiKey: key })
    const messages: ChatMessage[] = [{ role: 'user', content: 'Grüße' }]
    const { choices } = await client.create({ model: 'nomyo/echo', messages })
    expect(choices[0].message.content).toBe('Grüße')
    const [user, owner, pid] = await usersOf(gateway, 'state/keys/private_key.pem')
    expect([user, owner]).toEqual([IMAGE_USER, IMAGE_USER])
    expect(await container.health(env)).toBe(0)
    expect(await container.health({ ...env, NOMYO_PORT: String(await freePort()) })).toBe(1)
    // With TLS, of a certificate that is not trusted.
    const folder = temporaryFolder()
    const { cert, key: tlsKey } = makeCa(folder, 'gateway')
    const tls = ['--engine', 'demo', '--tls-cert', cert, '--tls-key', tlsKey]
    const secure = await startGatewayProcess({ args: tls })
    stopAfterTest(secure)
    const secureEnv = { ...env, NOMYO_PORT: String(secure.port) }
    expect(await container.health({ ...secureEnv, NOMYO_TLS_CERT: cert })).toBe(0)
    expect(await container.health(secureEnv)).toBe(1)
    process.kill(Number(pid), 'SIGTERM')
    expect((await gateway.ended).code).toBe(0)
  })

  it('runs a proxy that encrypts to a gateway, as a user without rights', async () => {
    const config = await images().build('proxy', tarballs().folder)
    expect([config.User, Object.keys(config.Volumes)]).toEqual(['65532:65532', ['/state']])
    const gateway = await startGatewayProcess({ args: ['--engine', 'demo', '--api-key', key] })
    stopAfterTest(gateway)
    const port = await freePort()
    const env = {
      NOMYO_BASE_URL: gateway.url,
      NOMYO_API_KEY: key,
      NOMYO_PROXY_ALLOW_HTTP: 'true',
      NOMYO_PROXY_PORT: String(port),
      NOMYO_PROXY_TOKEN: key,
    }
    const container = await images().run('proxy')
    const proxy = container.start([], env)
    onTestFinished(() => void proxy.child.kill('SIGKILL'))
    await until(async () => (await container.health(env)) === 0, proxy.output)
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'nomyo/echo', messages: [{ role: 'user', content: 'Hallo' }] }),
    })
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Hallo' } }] })
    const [user, owner, pid] = await usersOf(proxy, 'state/known_servers')
    expect([user, owner]).toEqual([IMAGE_USER, IMAGE_USER])
    process.kill(Number(pid), 'SIGTERM')
    expect((await proxy.ended).code).toBe(0)
  })

  it('ends with the store of images, if a test does not end it', async () => {
    const container = await images().run('gateway')
    const gateway = container.start(['--engine', 'demo', '--port', '0'])
    await gateway.prints(/^(listening on)/m)
    const [, pid = ''] = /"pid":(\d+)/.exec(gateway.output()) ?? []
    expect(existsSync(`/proc/${pid}`)).toBe(true)
    await images().stop()
    // Ended, and soon forgotten by the system.
    await until(() => !existsSync(`/proc/${pid}`))
  })
})
