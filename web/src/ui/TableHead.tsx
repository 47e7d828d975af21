import table from "../styles/table.module.css";

export interface TableColumn {
  name: string;
  /** Numbers stand to the right. */
  isNumber?: boolean;
}

export function text(name: string): TableColumn {
  return { name };
}

export function number(name: string): TableColumn {
  return { name, isNumber: true };
}

/** The head of a table, one name per column. */
export function TableHead({ columns }: { columns: TableColumn[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th key={column.name} scope="col" className={column.isNumber === true ? table.number : undefined}>
            {column.name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
