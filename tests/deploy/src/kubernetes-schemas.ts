import { createRequire } from 'node:module'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { startProgram } from '@nomyo-internal/testing/program'
import type { KubernetesObject } from './cluster.js'

interface Model {
  validate(): void
}

/**
 * Checks objects against the schemas of Kubernetes and of the Prometheus operator, and finds members that
 * these do not know, as `kubeconform -strict` does.
 *
 * @returns what is wrong
 */
export async function findInvalid(
  validators: string,
  objects: readonly KubernetesObject[],
): Promise<string[]> {
  const require = createRequire(join(validators, 'package.json'))
  const values = objects.flatMap((object) => {
    const models = require(moduleOf(object)) as Record<
      string,
      (new (data: object) => Model) | undefined
    >
    const ModelOfKind = models[object.kind]
    if (ModelOfKind === undefined) return [`${object.kind} is unknown`]
    try {
      new ModelOfKind(object).validate()
      return []
    } catch (error) {
      return [`${object.kind} ${object.metadata.name}: ${(error as Error).message}`]
    }
  })
  return [...values, ...(await findUnknownMembers(validators, objects))]
}

/** Literals with a member too many do not compile. */
async function findUnknownMembers(
  validators: string,
  objects: readonly KubernetesObject[],
): Promise<string[]> {
  const lines = objects.map((object, index) => {
    const type = `import('${moduleOf(object)}').I${object.kind}`
    return `export const object${String(index)}: ${type} = ${JSON.stringify(object, null, 1)}\n`
  })
  // Below the packages, so that imports lead to them.
  const folder = await mkdtemp(join(validators, 'types-'))
  try {
    const file = join(folder, 'objects.ts')
    await writeFile(file, lines.join(''))
    const compiler = createRequire(import.meta.url).resolve('typescript/package.json')
    const settings = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext']
    const words = [join(compiler, '../bin/tsc'), '--ignoreConfig', ...settings, file]
    const { code, stdout } = await startProgram(process.execPath, words, { cwd: folder }).ended
    return code === 0 ? [] : stdout.trim().split('\n')
  } finally {
    await rm(folder, { recursive: true })
  }
}

function moduleOf({ apiVersion }: KubernetesObject): string {
  const owner = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models'
  return `${owner}/${apiVersion}`
}
