/* SPDX-License-Identifier: Apache-2.0 */
SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "none", /* with all of the operations open it shows the first few and stops */
    defaultModelsExpandDepth: 0,
    filter: true,
    persistAuthorization: false, /* a key stays in the page, never in the browser's storage */
    validatorUrl: null
});
