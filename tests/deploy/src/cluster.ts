import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { startServer } from '@nomyo-internal/testing'

/** Parsed JSON of an object that tests validate and then read. */
type Json = ReturnType<typeof JSON.parse>

/** An object of Kubernetes. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly [member: string]: Json
}

/** The API of a cluster that keeps objects and runs nothing. */
export interface Cluster {
  readonly url: string
  /** Objects in the order of their creation. */
  readonly objects: KubernetesObject[]
  /** Manifests of Helm's releases, as text. */
  readonly manifests: string[]
  stop(): void
}

/** Resources by API, with the plural that paths have. */
const RESOURCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'api/v1': {
    configmaps: 'ConfigMap',
    persistentvolumeclaims: 'PersistentVolumeClaim',
    secrets: 'Secret',
    services: 'Service',
  },
  'apis/apps/v1': { deployments: 'Deployment' },
  'apis/autoscaling/v2': { horizontalpodautoscalers: 'HorizontalPodAutoscaler' },
  'apis/monitoring.coreos.com/v1': { servicemonitors: 'ServiceMonitor' },
  'apis/networking.k8s.io/v1': { ingresses: 'Ingress', networkpolicies: 'NetworkPolicy' },
  'apis/policy/v1': { poddisruptionbudgets: 'PodDisruptionBudget' },
}

/** Members that controllers of a cluster add, so that an installer sees that everything is up. */
const CONTROLLED: Readonly<Record<string, object>> = {
  // Nothing waits for a paused one.
  Deployment: { paused: true },
  Service: { clusterIP: '192.0.2.1' },
}

const CONTROLLED_STATUS = {
  phase: 'Bound',
  loadBalancer: { ingress: [{ ip: '192.0.2.1' }] },
}

/** Starts a {@link Cluster} on a free port of loopback. */
export async function startCluster(): Promise<Cluster> {
  const objects: KubernetesObject[] = []
  const manifests: string[] = []
  const { url, stop } = await startServer(answer(objects, manifests))
  return { url, objects, manifests, stop }
}

const answer =
  (objects: KubernetesObject[], manifests: string[]): RequestListener =>
  async (request, response) => {
    const path = new URL(request.url ?? '', 'http://cluster').pathname
    const body = await bodyOf(request)
    const { 'content-type': type = '' } = request.headers
    const isCreation = request.method === 'POST'
    if (path.includes('/secrets') && body.length > 0) {
      // Records of releases, in JSON or in protobuf.
      if (isCreation) manifests.push(manifestIn(body.toString('latin1')))
      response.writeHead(isCreation ? 201 : 200, { 'content-type': type }).end(body)
    } else if (isCreation) {
      objects.push(JSON.parse(body.toString()))
      send(response, 201, objects.at(-1))
    } else {
      const found = discovery(path) ?? objectAt(path, objects)
      send(response, found === undefined ? 404 : 200, found ?? NOT_FOUND)
    }
  }

const NOT_FOUND = {
  apiVersion: 'v1',
  kind: 'Status',
  status: 'Failure',
  reason: 'NotFound',
  code: 404,
}

function objectAt(path: string, objects: readonly KubernetesObject[]): object | undefined {
  if (path.endsWith('/secrets')) return { apiVersion: 'v1', kind: 'SecretList', items: [] }
  const [plural = '', name] = path.split('/').slice(-2)
  const kind = Object.values(RESOURCES).find((resources) => plural in resources)?.[plural]
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (found === undefined) return undefined
  const spec = { ...CONTROLLED[found.kind], ...found['spec'] }
  return { ...found, spec, status: CONTROLLED_STATUS }
}

/** Describes the API: its groups, their resources, and that it checks the members of objects itself. */
function discovery(path: string): object | undefined {
  const apis = Object.keys(RESOURCES)
  const [, openApi, api = path.slice(1)] = /^\/(openapi\/v3)(?:\/(.*))?$/.exec(path) ?? []
  if (path === '/version') return { major: '1', minor: '34', gitVersion: 'v1.34.0' }
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] }
  if (path === '/apis') return { kind: 'APIGroupList', groups: apis.slice(1).map(groupOf) }
  if (path === '/openapi/v3') {
    const paths = apis.map((name) => [name, { serverRelativeURL: `/openapi/v3/${name}` }])
    return { paths: Object.fromEntries(paths) }
  }
  const resources = Object.entries(RESOURCES[api] ?? {})
  if (resources.length === 0) return undefined
  const groupVersion = api.replace(/^apis?\//, '')
  if (openApi === undefined) {
    const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update']
    const list = resources.map(([name, kind]) => ({ name, kind, namespaced: true, verbs }))
    return { kind: 'APIResourceList', groupVersion, resources: list }
  }
  const paths = resources.map(([name, kind]) => [`/${api}/${name}`, patchOf(groupVersion, kind)])
  const info = { title: 'Kubernetes', version: 'v1.34.0' }
  return { openapi: '3.0.0', info, paths: Object.fromEntries(paths) }
}

function groupOf(api: string): object {
  const [, name = '', version = ''] = api.split('/')
  const only = { groupVersion: `${name}/${version}`, version }
  return { name, versions: [only], preferredVersion: only }
}

function patchOf(groupVersion: string, kind: string): object {
  const [version = '', group = ''] = groupVersion.split('/').reverse()
  return {
    patch: {
      parameters: [{ name: 'fieldValidation', in: 'query' }],
      responses: {},
      'x-kubernetes-group-version-kind': { group, version, kind },
    },
  }
}

/** Reads a record: JSON, compressed, in base64, which JSON has in base64 once more. */
function manifestIn(secret: string): string {
  const twice = /SDRzS[\w+/]+=*/.exec(secret)?.[0]
  const once = twice === undefined ? secret : Buffer.from(twice, 'base64').toString()
  const release = /H4sI[\w+/]+=*/.exec(once)?.[0] ?? ''
  const text = gunzipSync(Buffer.from(release, 'base64')).toString()
  return (JSON.parse(text) as { manifest: string }).manifest
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await request.toArray())
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
