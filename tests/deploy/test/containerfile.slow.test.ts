import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { SecureChatCompletion } from '@nomyo/client'
import { freePort, isInstalled, shared, temporaryFolder, until } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { packAll } from '../../../tools/pack.js'
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

  it('builds the gateway where no target is named', () => {
    expect([...text.matchAll(/^FROM \S+ AS (\S+)$/gm)].at(-1)?.[1]).toBe('gateway')
  })
})

/** Images need a user who may change the owners of files. */
const canBuild = isInstalled('buildah') && process.getuid?.() === 0

describe.runIf(canBuild)('images', () => {
  const images = shared(openImages)
  const token = 'a-token-of-the-test'

  it('run a gateway and a proxy that answer, as a user without rights', async () => {
    const tarballs = temporaryFolder()
    await packAll(root, tarballs, undefined)
    const configs = [
      await images().build('gateway', tarballs),
      await images().build('proxy', tarballs),
    ]
    for (const { User, Volumes } of configs)
      expect([User, Object.keys(Volumes)]).toEqual(['65532:65532', ['/state']])

    const [port, proxyPort] = [await freePort(), await freePort()]
    const env = { NOMYO_PORT: String(port), NOMYO_HOST: '127.0.0.1', NOMYO_KEY_DIR: '/state/keys' }
    const gateway = await images().run('gateway')
    const running = gateway.start(['--engine', 'demo', '--api-key', token], env)
    const url = await running.prints(/^listening on (\S+)$/m)
    const [, pid = ''] = /"pid":(\d+)/.exec(running.stderr()) ?? []
    onTestFinished(() => void running.child.kill('SIGKILL'))
    const client = new SecureChatCompletion({ baseUrl: url, allowHttp: true, apiKey: token })
    const answer = await client.create({
      model: 'nomyo/echo',
      messages: [{ role: 'user', content: 'Grüße' }],
    })
    expect(answer.choices[0].message.content).toBe('Grüße')
    expect((await stat(`/proc/${pid}`)).uid).toBe(IMAGE_USER)
    expect((await stat(`/proc/${pid}/root/state/keys/private_key.pem`)).uid).toBe(IMAGE_USER)
    expect(await gateway.health(env)).toBe(0)
    expect(await gateway.health({ ...env, NOMYO_PORT: String(proxyPort) })).toBe(1)

    const proxy = await images().run('proxy')
    const proxyEnv = {
      NOMYO_BASE_URL: url,
      NOMYO_API_KEY: token,
      NOMYO_PROXY_ALLOW_HTTP: 'true',
      NOMYO_PROXY_PORT: String(proxyPort),
      NOMYO_PROXY_TOKEN: token,
    }
    const serving = proxy.start([], proxyEnv)
    onTestFinished(() => void serving.child.kill('SIGKILL'))
    await until(async () => (await proxy.health(proxyEnv)) === 0)
    const response = await fetch(`http://127.0.0.1:${proxyPort}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ model: 'nomyo/echo', messages: [{ role: 'user', content: 'Hallo' }] }),
    })
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'Hallo' } }] })
    const [, proxyPid = ''] = /"pid":(\d+)/.exec(serving.output()) ?? []
    expect((await stat(`/proc/${proxyPid}/root/state/known_servers`)).uid).toBe(IMAGE_USER)

    process.kill(Number(pid), 'SIGTERM')
    expect((await running.ended).code).toBe(0)
  })
})
