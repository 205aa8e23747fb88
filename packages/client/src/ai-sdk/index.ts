export { createNomyo, type NomyoProvider } from './create-nomyo.js'
