import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { plainEnvironment } from '@nomyo-internal/testing/program'
import { temporaryFolder } from '@nomyo-internal/testing'
import { startCluster, type KubernetesObject } from './cluster.js'
import { deployFolder } from './validators.js'

/** An installation of the chart. */
export interface Installation {
  /** The objects that Helm created. */
  readonly objects: readonly KubernetesObject[]
  /** The same as text. */
  readonly manifest: string
  /** Why there are none. */
  readonly error: string | undefined
}

/** Helm, inside the only program of the npm registry that has it: a server of tools for agents. */
export interface Helm {
  install(values: object, name?: string): Promise<Installation>
  stop(): Promise<void>
}

interface Answer {
  readonly id: number
  readonly result?: { readonly content: readonly { text: string }[]; readonly isError?: boolean }
}

/** Starts Helm with a cluster of its own. */
export async function startHelm(validators: string): Promise<Helm> {
  const program = `kubernetes-mcp-server-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const folder = temporaryFolder()
  const cluster = await startCluster()
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, JSON.stringify(kubeconfigFor(cluster.url)))
  const command = join(validators, 'node_modules', program, 'bin', program)
  const child = spawn(command, ['--kubeconfig', kubeconfig, '--toolsets', 'helm'], {
    env: { ...plainEnvironment(), HOME: folder },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const waiting = new Map<number, (answer: Answer) => void>()
  createInterface(child.stdout).on('line', (line) => {
    const answer = JSON.parse(line) as Answer
    waiting.get(answer.id)?.(answer)
  })
  const send = (message: object): void => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  }
  const request = (method: string, params: object): Promise<Answer> =>
    new Promise((resolve) => {
      const id = waiting.size + 1
      waiting.set(id, resolve)
      send({ id, method, params })
    })

  await request('initialize', {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'tests', version: '1' },
  })
  send({ method: 'notifications/initialized' })
  return {
    install: async (values, name = 'nomyo-gateway') => {
      cluster.objects.length = 0
      cluster.manifests.length = 0
      const chart = join(deployFolder, 'helm/nomyo-gateway')
      const words = { chart, name, namespace: 'llm', values }
      const { result } = await request('tools/call', { name: 'helm_install', arguments: words })
      return {
        objects: [...cluster.objects],
        manifest: cluster.manifests[0] ?? '',
        error: result?.isError === true ? result.content[0]?.text : undefined,
      }
    },
    stop: async () => {
      child.kill()
      await once(child, 'exit')
      cluster.stop()
    },
  }
}

const kubeconfigFor = (server: string): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'test',
  clusters: [{ name: 'test', cluster: { server } }],
  users: [{ name: 'test', user: {} }],
  contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'llm' } }],
})
