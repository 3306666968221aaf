//! The columns that transactions have, and the header names under which they are in circulation.
//!
//! For: recognising headers however they are cased, spaced and punctuated. Not for: deciding between two; `columns`.

/// A column of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Who bought.
    Customer,
    /// When.
    Date,
    /// How many.
    Quantity,
    /// Price of one.
    UnitPrice,
    /// Money of the line.
    Amount,
    /// Which purchase.
    Invoice,
    /// Code of the product.
    Product,
    /// What the product is.
    Description,
    /// The customer's country.
    Country,
}

impl Column {
    /// All columns, in the order in which errors and documents name them.
    pub const ALL: [Self; 9] = [
        Self::Customer,
        Self::Date,
        Self::Quantity,
        Self::UnitPrice,
        Self::Amount,
        Self::Invoice,
        Self::Product,
        Self::Description,
        Self::Country,
    ];

    /// Its key in `load.columns`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Date => "date",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unit_price",
            Self::Amount => "amount",
            Self::Invoice => "invoice",
            Self::Product => "product",
            Self::Description => "description",
            Self::Country => "country",
        }
    }

    /// Its name in the table `transactions`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer_id",
            Self::Date => "invoice_date",
            other => other.key(),
        }
    }

    /// The names in circulation, as [`plain`] has them. The first two are the canonical ones: key and column name.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = match self {
            Self::Customer => CUSTOMER,
            Self::Date => DATE,
            Self::Quantity => QUANTITY,
            Self::UnitPrice => UNIT_PRICE,
            Self::Amount => AMOUNT,
            Self::Invoice => INVOICE,
            Self::Product => PRODUCT,
            Self::Description => DESCRIPTION,
            Self::Country => COUNTRY,
        };
        names.split(' ')
    }

    /// Whether `header` is one of its names.
    pub(super) fn is_named(self, header: &str) -> bool {
        let header = plain(header);
        self.names().any(|name| name == header)
    }

    /// Whether `header` is its key or its name in the table.
    pub(super) fn is_canonical(self, header: &str) -> bool {
        let header = plain(header);
        header == plain(self.key()) || header == plain(self.name())
    }
}

/// A header without case, spaces, underscores and punctuation.
pub(super) fn plain(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

const CUSTOMER: &str = "customer customerid customerno customernr customernumber customercode customerkey custid custno \
    customeruniqueid client clientid clientno household householdid householdkey user userid member memberid \
    membershipid buyer buyerid shopper shopperid account accountid accountno consumerid loyaltyid loyaltycard \
    cardid kunde kundennummer kundennr kundenid";

const DATE: &str = "date invoicedate invoicedatetime invoicetimestamp orderdate orderdatetime ordertimestamp ordertime \
    orderpurchasetimestamp orderedat purchasedate purchasedatetime purchasetimestamp purchasetime \
    transactiondate transactiondatetime transactiontimestamp transactiontime transdate trxdate saledate \
    salesdate datetime timestamp dateofpurchase dateoforder createdat eventtime eventdate billdate receiptdate \
    postingdate datum rechnungsdatum bestelldatum";

const QUANTITY: &str = "quantity qty quantitysold quantityordered quantitypurchased orderquantity orderqty orderedqty salesquantity \
    salesqty units unitssold unitsordered itemquantity itemqty numitems numberofitems count pieces menge anzahl";

const UNIT_PRICE: &str = "unitprice price priceeach priceperunit unitsprice itemprice productprice sellingprice unitsellingprice \
    salesprice saleprice listprice retailprice priceunit einzelpreis preis stueckpreis stückpreis";

const AMOUNT: &str = "amount total linetotal lineamount linevalue totalamount totalprice totalvalue totalsales totalspent sales \
    salesvalue salesamount saleamount revenue netamount grossamount netsales turnover spend spent value \
    orderamount ordervalue ordertotal purchaseamount purchaseamountusd purchasevalue transactionamount \
    transactionvalue extendedprice extendedamount subtotal paymentvalue betrag umsatz gesamtbetrag gesamtpreis";

const INVOICE: &str = "invoice invoiceno invoicenr invoiceid invoicenumber order orderid orderno ordernr ordernumber salesorder \
    salesorderid salesorderno salesordernumber basket basketid transaction transactionid transactionno \
    transactionnumber transid trxid receipt receiptid receiptno receiptnumber ticket ticketid ticketno bill \
    billid billno billnumber purchaseid saleid salesid checkoutid documentno rechnung rechnungsnummer \
    rechnungsnr bestellnummer belegnummer";

const PRODUCT: &str = "product productid productcode productno productnumber productkey productsku stockcode stockid \
    stockkeepingunit sku skuid skucode item itemid itemcode itemno itemnumber article articleid articleno \
    articlecode articlenumber materialno materialnumber upc ean gtin asin barcode artikel artikelnummer \
    artikelnr";

const DESCRIPTION: &str = "description productdescription productname producttitle itemname itemdescription articlename \
    articledescription stockdescription beschreibung bezeichnung artikelbezeichnung artikelname";

const COUNTRY: &str = "country countryname countrycode customercountry shippingcountry shipcountry billingcountry countryregion \
    nation land";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(header: &str) -> Vec<&'static str> {
        Column::ALL.into_iter().filter(|column| column.is_named(header)).map(Column::key).collect()
    }

    #[test]
    fn names_are_recognised_whatever_their_case_spaces_and_punctuation() {
        for (header, key) in [
            ("CustomerID", "customer"),
            ("Customer ID", "customer"),
            ("customer_id", "customer"),
            ("household_key", "customer"),
            ("HOUSEHOLD_ID", "customer"),
            ("InvoiceDate", "date"),
            ("Order Date", "date"),
            ("transaction_timestamp", "date"),
            (" Qty. ", "quantity"),
            ("Unit-Price", "unit_price"),
            ("Price", "unit_price"),
            ("sales_value", "amount"),
            ("Line Total", "amount"),
            ("InvoiceNo", "invoice"),
            ("Order ID", "invoice"),
            ("basket_id", "invoice"),
            ("StockCode", "product"),
            ("SKU", "product"),
            ("Product Name", "description"),
            ("Country", "country"),
        ] {
            assert_eq!(found(header), [key], "`{header}`");
        }
        assert!(found("Row ID").is_empty() && found("").is_empty() && found("Customer Name").is_empty());
    }

    #[test]
    fn no_name_stands_for_two_columns_and_all_are_plain() {
        let mut seen = BTreeSet::new();
        for column in Column::ALL {
            assert!(column.is_named(column.key()) && column.is_named(column.name()), "{}", column.key());
            for name in column.names() {
                assert!(seen.insert(name), "`{name}` twice");
                assert_eq!(plain(name), name);
            }
        }
    }

    #[test]
    fn the_canonical_names_are_the_key_and_the_tables_column() {
        assert!(Column::Customer.is_canonical("Customer ID") && Column::Customer.is_canonical("CUSTOMER"));
        assert!(Column::UnitPrice.is_canonical("UnitPrice") && !Column::UnitPrice.is_canonical("Price"));
    }
}
