import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shared } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import type { KubernetesObject } from '../src/cluster.js'
import { startHelm, type Installation } from '../src/helm.js'
import { findInvalid } from '../src/kubernetes-schemas.js'
import { deployFolder, validators } from '../src/validators.js'

const BASE = { config: { upstream: 'http://ollama:11434/v1' } }
const WITHOUT_REDIS = { ...BASE, redis: { enabled: false }, replicaCount: 1 }
const WITH_AUTOSCALING = {
  ...BASE,
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  autoscaling: { enabled: true },
}
const EVERYTHING = {
  ...WITH_AUTOSCALING,
  image: { repository: 'registry.example/gateway', digest: `sha256:${'0'.repeat(64)}` },
  imagePullSecrets: [{ name: 'registry' }],
  tls: { secretName: 'gateway-tls' },
  service: { type: 'LoadBalancer', port: 443, annotations: { a: 'b' } },
  ingress: {
    enabled: true,
    className: 'nginx',
    host: 'gateway.example',
    tlsSecretName: 'ingress-tls',
    annotations: { a: 'b' },
  },
  networkPolicy: {
    ingressFrom: [{ podSelector: { matchLabels: { app: 'ingress' } } }],
    egressTo: [{ ipBlock: { cidr: '203.0.113.0/24' } }],
  },
  podAnnotations: { a: 'b' },
  podLabels: { a: 'b' },
  env: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/nomyo/secrets/ca.pem' }],
  volumes: [{ name: 'models', persistentVolumeClaim: { claimName: 'models' } }],
  volumeMounts: [{ name: 'models', mountPath: '/models', readOnly: true }],
  nodeSelector: { a: 'b' },
  tolerations: [{ key: 'a', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'high',
}
const WITHOUT_METRICS = { metrics: { enabled: false } }
const VARIANTS = { BASE, WITHOUT_REDIS, WITH_AUTOSCALING, EVERYTHING }

describe.runIf(validators)('the chart', () => {
  const helm = shared(() => startHelm(validators ?? ''))
  const installed = shared(async () => {
    const installations: Partial<Record<keyof typeof VARIANTS, Installation>> = {}
    for (const [name, values] of Object.entries(VARIANTS)) {
      installations[name as keyof typeof VARIANTS] = await helm().install(values)
    }
    return { ...(installations as Record<keyof typeof VARIANTS, Installation>), stop() {} }
  })
  const installations = (): Installation[] =>
    Object.keys(VARIANTS).map((name) => installed()[name as keyof typeof VARIANTS])
  const find = (variant: keyof typeof VARIANTS, kind: string): KubernetesObject | undefined =>
    installed()[variant].objects.find((object) => object.kind === kind)
  const pod = (variant: keyof typeof VARIANTS) => find(variant, 'Deployment')?.['spec'].template
  const container = (variant: keyof typeof VARIANTS) => pod(variant).spec.containers[0]

  it('is installed by Helm, with the objects that its values ask for', () => {
    const kinds = installations().map(({ error, objects }) => ({
      error,
      kinds: objects.map(({ kind }) => kind).sort(),
    }))
    const always = ['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget']
    const services = ['Service', 'Service']
    const autoscaling = ['HorizontalPodAutoscaler', 'ServiceMonitor']
    expect(kinds).toEqual(
      [
        [...always, ...services],
        [...always, ...services, 'PersistentVolumeClaim'],
        [...always, ...services, ...autoscaling],
        [...always, ...services, ...autoscaling, 'Ingress'],
      ].map((wanted) => ({ error: undefined, kinds: wanted.sort() })),
    )
  })

  it('makes objects that the schemas of Kubernetes accept', async () => {
    const objects = installations().flatMap((installation) => installation.objects)
    expect(await findInvalid(validators ?? '', objects)).toEqual([])
  })

  it('is checked for values and names that Kubernetes does not know', async () => {
    const [object] = installed().BASE.objects.filter(({ kind }) => kind === 'Deployment')
    const { spec } = object!
    const wrong = [{ minReadySeconds: '5' }, { minReadySecond: 5 }, { selector: undefined }]
    const found = wrong.map(async (change) =>
      findInvalid(validators!, [{ ...object!, spec: { ...spec, ...change } }]),
    )
    for (const findings of await Promise.all(found)) expect(findings).not.toEqual([])
  })

  it.each<[string, object]>([
    ['no model server', { config: {} }],
    ['an empty list of model servers', { config: { upstreams: [] } }],
    ['a member of the config file that the chart sets', { config: { ...BASE.config, port: 80 } }],
    ['several gateways with keys of their own', { ...WITHOUT_REDIS, replicaCount: 2 }],
    ['autoscaling of them', { ...WITHOUT_REDIS, autoscaling: { enabled: true } }],
    [
      'autoscaling without metrics',
      { ...BASE, ...WITHOUT_METRICS, autoscaling: { enabled: true } },
    ],
    [
      'a monitor without metrics',
      { ...BASE, ...WITHOUT_METRICS, serviceMonitor: { enabled: true } },
    ],
    ['a minimum above the maximum', { ...BASE, autoscaling: { minReplicas: 7 } }],
    ['a key of callers as text', { config: { ...BASE.config, apiKey: ['a-key-that-is-long'] } }],
    ['one key of callers as text', { config: { ...BASE.config, apiKey: 'a-key-that-is-long' } }],
    ['a key of all model servers as text', { config: { ...BASE.config, upstreamKey: 'key' } }],
    [
      'a key of a model server as text',
      { config: { upstreams: [{ url: 'http://a', apiKey: 'k' }] } },
    ],
    ['an ingress without TLS', { ...BASE, ingress: { enabled: true, host: 'gateway.example' } }],
    [
      'an ingress whose TLS is removed',
      { ...BASE, ingress: { enabled: true, host: 'gateway.example', tlsSecretName: null } },
    ],
    ['a value that it does not have', { ...BASE, replicas: 2 }],
    ['a nested value that it does not have', { ...BASE, image: { version: '1' } }],
    ['no name of a secret', { ...BASE, secretName: '' }],
  ])('refuses %s', async (_, values) => {
    const { error, objects } = await helm().install(values)
    expect([typeof error, objects]).toEqual(['string', []])
  })

  it('accepts keys in files, and the longest name of a release', async () => {
    const file = { file: '/etc/nomyo/secrets/key' }
    const upstreams = [{ url: 'http://a', apiKey: file }, { url: 'http://b' }]
    const name = 'a'.repeat(53)
    const values = { config: { upstreams, apiKey: [file] } }
    const { error, objects } = await helm().install(values, name)
    expect(error).toBeUndefined()
    const names = objects.map(({ metadata }) => metadata.name)
    expect(names.filter((text) => text.length > 63)).toEqual([])
    expect(await findInvalid(validators ?? '', objects)).toEqual([])
  })

  it('gives every selector the pods of the gateway', () => {
    for (const variant of Object.keys(VARIANTS) as (keyof typeof VARIANTS)[]) {
      const labels: object = pod(variant).metadata.labels
      const selectors = installed()[variant].objects.flatMap(({ kind, spec }) => {
        if (kind === 'Service') return [spec.selector]
        if (kind === 'NetworkPolicy') return [spec.podSelector.matchLabels]
        if (kind === 'ServiceMonitor' || spec?.selector === undefined) return []
        return [spec.selector.matchLabels]
      })
      expect(selectors.length).toBeGreaterThan(4)
      for (const selector of selectors) expect(labels).toMatchObject(selector)
    }
  })

  it('names ports that the container has', () => {
    const names = container('EVERYTHING').ports.map(({ name }: { name: string }) => name)
    const { objects } = installed().EVERYTHING
    const of = (kind: string) => objects.filter((object) => object.kind === kind)
    const targets = of('Service').flatMap(({ spec }) =>
      spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort),
    )
    const [{ spec: policy } = { spec: undefined }] = of('NetworkPolicy')
    const admitted = policy.ingress.map(
      (rule: { ports: { port: string }[] }) => rule.ports[0]?.port,
    )
    const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'].map(
      (probe) => container('EVERYTHING')[probe].httpGet.port,
    )
    for (const found of [targets, admitted, probes])
      expect(names).toEqual(expect.arrayContaining(found))
    // The operator finds the Service of metrics by its labels, and its port by name.
    const [monitor] = of('ServiceMonitor')
    const [metrics] = of('Service').filter(({ metadata }) => metadata.name.endsWith('-metrics'))
    expect(metrics!.metadata.labels).toMatchObject(monitor!['spec'].selector.matchLabels)
    expect(metrics!['spec'].ports[0].name).toBe(monitor!['spec'].endpoints[0].port)
    const [gateway] = of('Service').filter(({ metadata }) => !metadata.name.endsWith('-metrics'))
    expect(gateway!.metadata.labels).not.toHaveProperty(['app.kubernetes.io/component'])
  })

  it('restricts the container, and gives it time for answers in flight', () => {
    for (const variant of Object.keys(VARIANTS) as (keyof typeof VARIANTS)[]) {
      const { spec } = pod(variant)
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(container(variant).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
      const config = find(variant, 'ConfigMap')?.['data']['gateway.yaml'] as string
      const [delay, timeout] = ['drainDelay', 'drainTimeout'].map((member) =>
        Number(new RegExp(`^${member}: (\\d+)s$`, 'm').exec(config)?.[1]),
      )
      expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(delay! + timeout!)
      const { periodSeconds, failureThreshold } = container(variant).readinessProbe
      expect(delay).toBeGreaterThan(periodSeconds * failureThreshold)
    }
  })

  it('starts anew when the config file changes, and never two gateways on one volume', async () => {
    const checksum = ({ objects }: Installation): unknown =>
      objects.find(({ kind }) => kind === 'Deployment')?.['spec'].template.metadata.annotations[
        'checksum/config'
      ]
    const changed = await helm().install({ config: { ...BASE.config, rateLimit: '5/s' } })
    expect(checksum(changed)).not.toBe(checksum(installed().BASE))
    expect(find('WITHOUT_REDIS', 'Deployment')?.['spec']).toMatchObject({
      replicas: 1,
      strategy: { type: 'Recreate' },
    })
    expect(find('EVERYTHING', 'Deployment')?.['spec']).not.toHaveProperty('replicas')
  })

  it('gives the manifests in deploy/kubernetes', async () => {
    const isOptional = (document: string): boolean =>
      /^kind: (?:HorizontalPodAutoscaler|ServiceMonitor)$/m.test(document)
    const core = documentsOf(installed().BASE)
    const optional = documentsOf(installed().WITH_AUTOSCALING).filter(isOptional)
    for (const [name, documents] of Object.entries({ gateway: core, autoscaling: optional })) {
      const file = join(deployFolder, 'kubernetes', `${name}.yaml`)
      const [head = ''] = /^(?:#.*\n)*/.exec(await readFile(file, 'utf8').catch(() => '')) ?? []
      await expect(`${head}${documents.join('')}`).toMatchFileSnapshot(file)
    }
  })
})

/** The documents of a manifest, without what only Helm needs. */
function documentsOf({ manifest }: Installation): string[] {
  const text = manifest.replace(
    /^(?:# Source: .*| *helm\.sh\/chart: .*| *app\.kubernetes\.io\/managed-by: .*)\n/gm,
    '',
  )
  return text
    .split(/^(?=---\n)/m)
    .map((document) => `${document.trimEnd()}\n`)
    .sort()
}
