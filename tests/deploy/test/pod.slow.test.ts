import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { SecureChatCompletion, type ChatMessage } from '@nomyo/client'
import {
  freePort,
  isInstalled,
  shared,
  startProgram,
  startRedis,
  temporaryFolder,
  until,
  type Program,
} from '@nomyo-internal/testing'
import { runGateway } from '@nomyo-internal/testing/gateway-process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startHelm } from '../src/helm.js'
import { memberFolder, validators } from '../src/validators.js'

const main = join(memberFolder, '../../apps/gateway/dist/main.js')

/** A gateway that runs as the container of a pod does. */
interface Pod {
  readonly program: Program
  readonly url: string
  readonly metrics: string
}

describe.runIf(validators !== undefined && isInstalled('redis-server'))('pods of the chart', () => {
  const helm = shared(() => startHelm(validators ?? ''))
  const redis = shared(() => startRedis())

  /** Starts the container of a pod, with `/etc/nomyo` in a folder and ports that are free. */
  async function startPod(folder: string): Promise<Pod> {
    const metricsPort = await freePort()
    const { objects, error } = await helm().install({
      config: { engine: 'demo', rateLimit: 'off' },
      drain: { delaySeconds: 2, timeoutSeconds: 20 },
      metrics: { port: metricsPort },
    })
    expect(error).toBeUndefined()
    const find = (kind: string) => objects.find((object) => object.kind === kind)
    const [container] = find('Deployment')!['spec'].template.spec.containers
    const config = String(find('ConfigMap')!['data']['gateway.yaml'])
    const local = (text: string): string => text.replaceAll('/etc/nomyo', folder)
    await writeFile(join(folder, 'gateway.yaml'), local(config))
    const port = await freePort()
    const env = Object.fromEntries(
      container.env.map(({ name, value }: Record<string, string>) => [name, value]),
    )
    const args: string[] = container.args.map(local)
    const program = startProgram(process.execPath, [main, ...args], {
      env: { ...env, NOMYO_HOST: '127.0.0.1', NOMYO_PORT: String(port) },
    })
    onTestFinished(() => program.kill('SIGKILL'))
    const url = `http://127.0.0.1:${port}`
    const probe = async (name: string): Promise<number | undefined> =>
      fetch(`${url}${container[name].httpGet.path}`).then(
        ({ status }) => status,
        () => undefined,
      )
    await until(async () => (await probe('startupProbe')) === 200, program.output)
    expect(await probe('livenessProbe')).toBe(200)
    expect(await probe('readinessProbe')).toBe(200)
    return { program, url, metrics: `http://127.0.0.1:${metricsPort}/metrics` }
  }

  it('share keys, answer one client, count what the autoscaler asks for, and drain', async () => {
    const folder = temporaryFolder()
    const secrets = join(folder, 'secrets')
    await mkdir(secrets)
    const words = ['keys', 'add', '--keys-file', join(secrets, 'api-keys.json'), '--name', 'alice']
    const { stdout } = await runGateway(words).ended
    const [apiKey = ''] = /\S{30,}/.exec(stdout) ?? []
    await writeFile(join(secrets, 'key-password'), 'the password of the test')
    await writeFile(join(secrets, 'redis-url'), redis().url)

    const pods = [await startPod(folder), await startPod(folder)]
    const keys = pods.map(async ({ url }) => {
      const statement = await fetch(`${url}/pki/wire2`)
      expect(statement.status).toBe(200)
      return statement.text()
    })
    const [first, second] = await Promise.all(keys)
    expect(first).toBe(second)
    for (const { url, metrics } of pods) {
      const client = new SecureChatCompletion({ baseUrl: url, allowHttp: true, apiKey })
      const messages: ChatMessage[] = [{ role: 'user', content: 'Grüße' }]
      const { choices } = await client.create({ model: 'nomyo/echo', messages })
      expect(choices[0].message.content).toBe('Grüße')
      expect(await (await fetch(metrics)).text()).toMatch(/^nomyo_open_queue 0$/m)
      const stranger = new SecureChatCompletion({
        baseUrl: url,
        allowHttp: true,
        apiKey: `${apiKey}x`,
      })
      await expect(stranger.create({ model: 'nomyo/echo', messages })).rejects.toMatchObject({
        code: 'ERR_AUTHENTICATION',
      })
    }

    const [{ program, url } = pods[0]!] = pods
    program.kill('SIGTERM')
    await until(async () => (await fetch(`${url}/ready`)).status === 503)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await program.ended).code).toBe(0)
  })
})
