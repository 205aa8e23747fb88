import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createNomyoFetch } from '@nomyo/client/openai-fetch'

/** The text of the scripted model. */
export const TEXT = 'Grüße, 世界! 👩‍👩‍👧 é data: [DONE]'
export const API_KEY = 'the-key-of-the-sdk'
/** Nothing answers there, and nothing may be sent there. */
export const SDK_URL = 'https://openai.invalid/v1'

export const { deepEqual, equal, ok } = assert

/**
 * Runs cases one after the other; each returns nothing where the feature works, or names the error that it
 * ends with.
 *
 * @returns {Promise<Record<string, string>>} outcome by name
 */
export async function runCases(cases) {
  const outcomes = {}
  for (const [name, run] of Object.entries(cases)) {
    try {
      outcomes[name] = (await run()) ?? 'works'
    } catch (error) {
      outcomes[name] = `FAILED ${String(error)} ${String(error?.cause ?? '')}`.slice(0, 600)
    }
  }
  return outcomes
}

/** Waits for a failure and returns it. */
export async function failureOf(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected a failure')
}

/** Names an error as programs distinguish it: by its class, its status, and its code or that of its cause. */
export function nameOf(error) {
  const { status, statusCode, name } = error
  const names = [error.constructor.name === 'Error' ? name : error.constructor.name]
  return [...names, status ?? statusCode, codeOf(error)]
    .filter((fact) => (fact ?? undefined) !== undefined)
    .join(' ')
}

const codeOf = (error) =>
  error?.code ?? error?.data?.error?.code ?? (error?.cause ? codeOf(error.cause) : undefined)

/**
 * Runs the cases of one SDK and writes their outcomes to a file.
 *
 * @param run - receives the encrypting `fetch`, and its options
 */
export async function main(run) {
  const [options, file] = process.argv.slice(2)
  const given = JSON.parse(options)
  writeFileSync(file, JSON.stringify(await run(createNomyoFetch(given), given)))
  process.exit()
}
