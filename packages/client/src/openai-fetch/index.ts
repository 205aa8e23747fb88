export { createNomyoFetch, type NomyoFetch, type NomyoFetchOptions } from './create-nomyo-fetch.js'
