import "@patternfly/react-core/dist/styles/base.css";
import "@patternfly/react-styles/css/components/Table/table.css";
import "./console.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { App } from "./App";

const root = document.getElementById("root");
if (root)
	createRoot(root).render(
		<QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: 1 } } })}>
			<App />
		</QueryClientProvider>,
	);
